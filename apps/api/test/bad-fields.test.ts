import { describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";

const api = useApi();
const nine = Array.from({ length: 9 }, (_, n) => String(n));
const long = (length: number) => "x".repeat(length);

/** The fields that the answer to a request complains about. */
async function badFields(method: string, path: string, body?: Record<string, unknown> | readonly unknown[] | string) {
  const headers = { "content-type": "application/json" };
  const asked = typeof body === "string" ? { body, headers } : { body };
  const { status, json } = await api.ask(method, path, asked);
  expect({ status, json }).toMatchObject({ status: 400, json: { type: "invalid-input", title: "Invalid input" } });
  for (const { field } of json.fields ?? []) expect(json.detail).toContain(`${field}: `);
  return json.fields?.map(({ field }) => field);
}

describe("bad input answers 400 and names the field", () => {
  test.each<[string, string, Record<string, unknown> | readonly unknown[] | undefined, string[]]>([
    ["PUT", "/workspaces/x", { name: 1 }, ["name"]],
    ["PUT", "/workspaces/x", { name: "" }, ["name"]],
    ["PUT", "/workspaces/x", { name: long(201) }, ["name"]],
    ["PUT", "/workspaces/x", { runtime: long(65) }, ["runtime"]],
    ["PUT", "/workspaces/x", { parentId: "../x" }, ["parentId"]],
    ["PUT", "/workspaces/x", { parentId: 7 }, ["parentId"]],
    ["PUT", "/workspaces/x", { parentId: "nobody" }, ["parentId"]],
    ["PUT", "/workspaces/x", { tags: ["a"] }, ["tags"]],
    ["PUT", "/workspaces/x", { tags: { team: 1 } }, ["tags.team"]],
    ["PUT", "/workspaces/x", { tags: { team: long(257) } }, ["tags.team"]],
    ["PUT", "/workspaces/x", { tags: { "": "x" } }, ["tags."]],
    ["PUT", "/workspaces/x", { tags: Object.fromEntries([...Array(51).keys()].map((n) => [n, ""])) }, ["tags"]],
    ["PUT", "/workspaces/x", { spec: "sh" }, ["spec"]],
    ["PUT", "/workspaces/x", { spec: { big: long(65_536) } }, ["spec"]],
    ["PUT", "/workspaces/x", { nmae: "x" }, ["nmae"]],
    ["PUT", "/workspaces/x", { id: "y", status: "online", name: 1 }, ["name", "id", "status"]],
    ["PUT", "/workspaces/x", [], ["body"]],
    ["POST", "/workspaces/x/triggers", undefined, ["body"]],
    ["POST", "/workspaces/x/triggers", {}, ["source"]],
    ["POST", "/workspaces/x/triggers", { source: 1 }, ["source"]],
    ["POST", "/workspaces/x/triggers", { source: "startup", reason: "" }, ["reason"]],
    ["POST", "/workspaces/x/triggers", { source: "startup", reason: long(1_001) }, ["reason"]],
    ["POST", "/workspaces/x/triggers", { source: "startup", actor: long(201) }, ["actor"]],
    ["POST", "/workspaces/x/triggers", { source: "startup", force: true }, ["force"]],
    ["POST", "/workspaces/x/restart", { force: "yes" }, ["force"]],
    ["POST", "/workspaces/x/restart", { source: "manual" }, ["source"]],
    ["POST", "/workspaces/x/pause", { reason: 1 }, ["reason"]],
    ["POST", "/workspaces/x/pause", { why: "x" }, ["why"]],
    ["POST", "/workspaces/x/release", { why: "x" }, ["why"]],
    ["POST", "/workspaces/x/flush", { holdMs: 1_000 }, ["holdMs"]],
    ["DELETE", "/workspaces/x", { force: true }, ["force"]],
    ["POST", "/workspaces/x/hold", { holdMs: 999 }, ["holdMs"]],
    ["POST", "/workspaces/x/hold", { holdMs: 604_800_001 }, ["holdMs"]],
    ["POST", "/workspaces/x/hold", { holdMs: 1_000.5 }, ["holdMs"]],
    ["POST", "/workspaces/x/hold", { holdMs: "1h" }, ["holdMs"]],
    ["POST", "/workspaces/x/cancel", { reason: long(1_001) }, ["reason"]],
    ["PUT", "/workspaces/x/files", undefined, ["body"]],
    ["PUT", "/workspaces/x/files", {}, ["files"]],
    ["PUT", "/workspaces/x/files", { files: ["a"] }, ["files"]],
    ["PUT", "/workspaces/x/files", { files: { a: 1 } }, ["files.a"]],
    ["PUT", "/workspaces/x/files", { files: { a: { base64: "%" } } }, ["files.a.base64"]],
    ["PUT", "/workspaces/x/files", { files: { a: { base64: "", hex: "" } } }, ["files.a.hex"]],
    ["PUT", "/workspaces/x/files", { files: {}, template: "x" }, ["template"]],
    ["POST", "/workspaces/x/template", undefined, ["body"]],
    ["POST", "/workspaces/x/template", {}, ["body"]],
    ["POST", "/workspaces/x/template", { name: 1 }, ["name"]],
    ["POST", "/workspaces/x/template", { name: "" }, ["name"]],
    ["POST", "/workspaces/x/template", { name: "x", files: {} }, ["body"]],
    ["POST", "/workspaces/x/template", { files: { a: 1 } }, ["files.a"]],
    ["POST", "/workspaces/x/template", { name: "x", overwrite: true }, ["overwrite"]],
    ["GET", "/workspaces?limit=0", undefined, ["limit"]],
    ["GET", "/workspaces?limit=201", undefined, ["limit"]],
    ["GET", "/workspaces?limit=1.5", undefined, ["limit"]],
    ["GET", "/workspaces?limit=ten", undefined, ["limit"]],
    ["GET", "/workspaces?limit=1&limit=2", undefined, ["limit"]],
    ["GET", "/workspaces?phase=asleep", undefined, ["phase"]],
    ["GET", "/workspaces?cursor=../x", undefined, ["cursor"]],
    ["GET", "/workspaces?cursor=", undefined, ["cursor"]],
    ["GET", "/workspaces/x/activity?limit=0", undefined, ["limit"]],
    ["GET", "/workspaces/x/activity?limit=201", undefined, ["limit"]],
    ["DELETE", "/workspaces/x?force=yes", undefined, ["force"]],
  ])("%s %s %j", async (method, path, body, fields) => {
    expect(await badFields(method, path, body)).toEqual(fields);
  });

  test("of several, all", async () => {
    const body = { name: 1, parentId: "..", tags: 1, nine };
    expect(await badFields("PUT", "/workspaces/x", body)).toEqual(["name", "parentId", "tags", "nine"]);
  });

  test.each([
    ["PUT", "/workspaces/x", '{"name": "\\ud800"}', "name"],
    ["PUT", "/workspaces/x", '{"runtime": "\\udc00"}', "runtime"],
    ["PUT", "/workspaces/x", '{"tags": {"a": "\\ud800"}}', "tags.a"],
    ["PUT", "/workspaces/x", '{"tags": {"\\ud800": "a"}}', "tags.\ud800"],
    ["POST", "/workspaces/x/triggers", '{"source": "file-write", "reason": "\\ud800"}', "reason"],
    ["POST", "/workspaces/x/triggers", '{"source": "file-write", "actor": "a\\udfffb"}', "actor"],
    ["POST", "/workspaces/x/restart", '{"reason": "\\ud800"}', "reason"],
    ["POST", "/workspaces/x/pause", '{"reason": "\\ud800"}', "reason"],
    ["PUT", "/workspaces/x/files", '{"files": {"a": "\\ud800"}}', "files.a"],
  ])("half of a character is no text: %s %s %s", async (method, path, body, field) => {
    expect(await badFields(method, path, body)).toEqual([field]);
  });

  test.each([
    ["PUT", "/workspaces/x", '{"tags": {"__proto__": "a"}}', "tags"],
    ["PUT", "/workspaces/x", '{"spec": {"__proto__": "a"}}', "spec"],
    ["PUT", "/workspaces/x/files", '{"files": {"a": "", "__proto__": "lost"}}', "files"],
    ["POST", "/workspaces/x/template", '{"files": {"__proto__": "lost"}}', "files"],
  ])("a name that would be passed over in silence is refused: %s %s %s", async (method, path, body, field) => {
    expect(await badFields(method, path, body)).toEqual([field]);
  });
});
