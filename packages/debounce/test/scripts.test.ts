import { describe, expect, test } from "vitest";
import { allMatches, distinct, ScriptTexts, testHeaders } from "../../redis-scripts/test/support/script-headers.ts";
import { createKeySpace } from "../src/keys.ts";
import { SCRIPT_NAMES } from "../src/transitions/script-names.ts";
import { loadScript } from "../src/transitions/scripts.ts";
import { EVENTS } from "../src/vocabulary.ts";

const LUA = new URL("../lua/", import.meta.url);
const texts = new ScriptTexts(LUA, SCRIPT_NAMES);

testHeaders(LUA, SCRIPT_NAMES);

describe.each(SCRIPT_NAMES)("the header of the coordinator's %s.lua", (name) => {
  test("names the events that are written", () => {
    const written = allMatches(texts.reached(name), /'(WORKSPACE_[A-Z_]+)'/g);
    expect(distinct(allMatches(texts.labelled(name, "Events"), /\b(WORKSPACE_[A-Z_]+)/g))).toEqual(distinct(written));
    for (const event of written) expect(EVENTS).toContain(event);
  });

  test("calls nothing shared but words of it, and no key that a workspace has of its own", () => {
    const words = texts.labelled(name, "Shared").split(/\s+/).filter(Boolean);
    const { keys, args, parts } = loadScript(name);
    for (const word of words) expect([...keys, ...args]).toContain(word);
    const [one, other] = ["one", "other"].map((id) => createKeySpace("rc", 1).keysOf(id));
    for (const role of parts.sharedKeys) expect(one?.(role as "due")).toBe(other?.(role as "due"));
  });
});

test("the scripts use no field of the state that is not explained", () => {
  const explained = new Set(
    allMatches(/The state hash[\s\S]*?\nlocal /.exec(texts.read("state"))?.[0] ?? "", /\b([a-z]\w+)\b/gi),
  );
  const files = [...SCRIPT_NAMES, ...texts.pieces];
  const used = distinct(files.flatMap((name) => allMatches(texts.code(name), /\bstate\.(\w+)/g)));
  expect(used.filter((field) => !explained.has(field))).toEqual([]);
  expect(used.length).toBeGreaterThan(20);
});
