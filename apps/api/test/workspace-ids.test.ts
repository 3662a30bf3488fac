import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";
import { askedOf, named, pathOf, WORKSPACE_ROUTES } from "./support/routes.ts";

const api = useApi();

/** As they stand in the path. */
const INVALID: readonly (readonly [name: string, id: string])[] = [
  ["a dot", "."],
  ["two dots", ".."],
  ["encoded dots", "%2e%2e"],
  ["a leading dot", ".hidden"],
  ["the store's own directory", ".staging"],
  ["an encoded slash", "a%2Fb"],
  ["an encoded climb", "..%2F..%2Fetc"],
  ["a backslash", "a%5Cb"],
  ["a NUL", "a%00b"],
  ["a line break", "a%0Ab"],
  ["a trailing line break", "a%0A"],
  ["a space", "a%20b"],
  ["a colon", "a:b"],
  ["braces, as in a hash tag", "%7Ba%7D"],
  ["an at sign", "a@b"],
  ["a plus", "a+b"],
  ["an asterisk", "*"],
  ["a letter outside ASCII", "caf%C3%A9"],
  ["a digit outside ASCII", "%D9%A1"],
  ["a full-width letter", "%EF%BC%A1"],
  ["an emoji", "%F0%9F%94%A5"],
  ["129 characters", "x".repeat(129)],
  ["two encodings", "%252e%252e"],
];

describe.each(named(WORKSPACE_ROUTES))("%s", (_, route) => {
  test.each(INVALID)("an id with %s answers 400 and names the field", async (_, id) => {
    const { status, json } = await api.ask(route.method, pathOf(route, id), askedOf(route));
    expect({ status, json }).toMatchObject({ status: 400, json: { type: "invalid-input", fields: [{ field: "id" }] } });
    expect(json.detail).toBe('id: expected 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot');
  });

  test("an id that is not UTF-8 answers 400", async () => {
    const { status } = await api.ask(route.method, pathOf(route, "%ff"), askedOf(route));
    expect(status).toBe(400);
  });
});

test.each(["a", "0", "-", "_", "_.", "a.b-c_D9", "a..b", "constructor", "__proto__", "x".repeat(128)])(
  "%s is an id",
  async (id) => {
    const path = `/workspaces/${id}`;
    expect((await api.ask("PUT", path, { body: {} })).status).toBe(201);
    expect((await api.ask("PUT", `${path}/files/a.txt`, { body: "text" })).status).toBe(200);
    expect((await api.ask("GET", `${path}/files/a.txt`)).text).toBe("text");
    expect(await api.state(id)).toMatchObject({ id, restart: { why: [{ source: "file-write" }] } });
    expect((await api.ask("DELETE", `${path}?force=true`)).status).toBe(202);
    expect((await api.ask("GET", path)).status).toBe(404);
  },
);

test("ids that differ in case alone are two workspaces", async () => {
  const id = `w${randomBytes(4).toString("hex")}x`;
  await api.ask("PUT", `/workspaces/${id}`, { body: { name: "small" } });
  await api.ask("PUT", `/workspaces/${id.toUpperCase()}`, { body: { name: "large" } });
  expect([(await api.state(id)).name, (await api.state(id.toUpperCase())).name]).toEqual(["small", "large"]);
});
