import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";

const api = useApi();
const SECRET = "outside of every workspace";
let outside = "";

beforeAll(async () => {
  outside = await mkdtemp(join(tmpdir(), "api-outside-"));
  await writeFile(join(outside, "secret"), SECRET);
});
afterAll(async () => {
  expect(await readFile(join(outside, "secret"), "utf8")).toBe(SECRET);
  expect(await readdir(outside)).toEqual(["secret"]);
  await rm(outside, { recursive: true });
});

/** As they stand in the URL, after `/files/`. */
const CLIMBING = [
  "..",
  "../x",
  "../../etc/passwd",
  "a/../../x",
  "a/..",
  ".",
  "./a",
  "a/./b",
  "%2e%2e/x",
  "%2E%2E%2Fx",
  "..%2Fx",
  "a%2F..%2F..%2Fx",
  "..%5C..%5Cx",
  "a%5Cb",
  "%2Fetc/passwd",
  "/etc/passwd",
  "%2F",
  "a//b",
  "a/",
  "a%00b",
  "%00",
];
const UNFIT = [
  ["a segment of 256 bytes", "x".repeat(256)],
  ["a segment of 256 bytes, by its characters shorter", "%C3%BC".repeat(128)],
  ["a path of 1025 bytes", Array(9).fill("x".repeat(113)).join("/")],
  ["33 levels", Array(33).fill("x").join("/")],
] as const;

const METHODS = ["GET", "PUT", "DELETE"] as const;
const bodyOf = (method: string) => (method === "PUT" ? "climbed" : undefined);

describe.each(METHODS)("%s", (method) => {
  test.each([...CLIMBING.map((path) => [path, path] as const), ...UNFIT])(
    "%s answers 400 and names the part",
    async (_, path) => {
      const id = await api.workspace();
      const { status, json } = await api.ask(method, `/workspaces/${id}/files/${path}`, { body: bodyOf(method) });
      expect({ status, json }).toMatchObject({ status: 400, json: { type: "invalid-path", title: "Invalid path" } });
      expect(json.detail).toMatch(/^path ".*": /);
      expect((await api.state(id)).restart.phase).toBe("idle");
      expect(await readdir(api.config.WORKSPACES_DIR)).not.toContain(id);
    },
  );

  test("an escape that is none answers 400", async () => {
    const id = await api.workspace();
    for (const path of ["%", "%zz", "%ff", "a%E0%A4%A"]) {
      const { status } = await api.ask(method, `/workspaces/${id}/files/${path}`, { body: bodyOf(method) });
      expect(status).toBe(400);
    }
  });
});

describe.each([
  ["PUT", "files"],
  ["POST", "template"],
])("%s …/%s", (method, route) => {
  const climbing = [
    "..",
    "../x",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "",
    ".",
    "a\\b",
    "a\u0000b",
    "x".repeat(256),
    "\ud800",
  ];

  test.each(climbing)("%j in a set answers 400, and none of the set is written", async (path) => {
    const id = await api.workspace();
    const files = { "good.txt": "x", [path]: "x" };
    const { status, json } = await api.ask(method, `/workspaces/${id}/${route}`, { body: { files } });
    expect({ status, json }).toMatchObject({ status: 400, json: { type: "invalid-path" } });
    expect((await api.ask("GET", `/workspaces/${id}/files`)).json).toEqual({ files: [] });
    expect((await api.state(id)).restart.phase).toBe("idle");
  });

  test("a file where another of the set needs a directory answers 400", async () => {
    const id = await api.workspace();
    const { status, json } = await api.ask(method, `/workspaces/${id}/${route}`, {
      body: { files: { a: "", "a/b": "" } },
    });
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { detail: 'path "a/b": "a" is a file of the same set' },
    });
  });
});

test("nothing of another workspace, of the store's own or of the machine can be reached", async () => {
  const [mine, theirs] = [await api.workspace(), await api.workspace()];
  await api.ask("PUT", `/workspaces/${theirs}/files/a`, { body: "theirs" });
  const besides = outside.split("/").slice(-1);
  for (const target of [theirs, `${theirs}/a`, ".staging", `../${besides}/secret`]) {
    for (const up of ["../", "..%2F", "%2e%2e/", "x/../../", "..%5C"]) {
      for (const method of METHODS) {
        const { status, text } = await api.ask(method, `/workspaces/${mine}/files/${up}${target}`, {
          body: bodyOf(method),
        });
        expect(status).toBe(400);
        expect(text).not.toContain(SECRET);
      }
    }
  }
  expect((await api.ask("GET", `/workspaces/${theirs}/files/a`)).text).toBe("theirs");
});

test("a symlink that the workspace's own process made leads nowhere", async () => {
  const id = await api.workspace();
  const root = join(api.config.WORKSPACES_DIR, id);
  await mkdir(root);
  await symlink(join(outside, "secret"), join(root, "link"));
  await symlink(outside, join(root, "up"));
  for (const path of ["link", "up/secret"]) {
    const read = await api.ask("GET", `/workspaces/${id}/files/${path}`);
    expect({ status: read.status, leaked: read.text.includes(SECRET) }).toEqual({ status: 409, leaked: false });
  }
  expect((await api.ask("GET", `/workspaces/${id}/files`)).json).toEqual({ files: [] });
  expect((await api.ask("PUT", `/workspaces/${id}/files/up/new`, { body: "x" })).status).toBe(409);
  // Replaced, not followed.
  expect((await api.ask("PUT", `/workspaces/${id}/files/link`, { body: "mine" })).status).toBe(200);
  expect((await api.ask("GET", `/workspaces/${id}/files/link`)).text).toBe("mine");
});
