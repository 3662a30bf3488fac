import { expect, test } from "vitest";
import { ScriptReply } from "../src/reply.ts";

const script = {
  name: "hold",
  replies: new Map([
    ["held", ["heldUntil", "dueAt", "fields"]],
    ["unknown", []],
  ]),
};
const replyOf = (...reply: unknown[]) => new ScriptReply(script, { reply, isReplicated: true });

test("a reply is read by the names of its header", () => {
  const reply = replyOf("held", 17, "", ["a", "1", "b", "2"]);
  expect([reply.kind, reply.number("heldUntil"), reply.text("heldUntil")]).toEqual(["held", 17, "17"]);
  expect([reply.optionalNumber("dueAt"), reply.optionalText("dueAt")]).toEqual([undefined, undefined]);
  expect(reply.record("fields")).toEqual({ a: "1", b: "2" });
  expect(replyOf("unknown").kind).toBe("unknown");
});

test.each([
  [
    "of a kind that the header does not tell",
    ["lost"],
    'the script hold answered "lost" with 0 values: see its header',
  ],
  ["with a value too few", ["held", 17, ""], 'the script hold answered "held" with 2 values: see its header'],
  ["with a value too many", ["unknown", 1], 'the script hold answered "unknown" with 1 values: see its header'],
])("a reply %s is a slip that is told", (_, reply, message) => {
  expect(() => replyOf(...reply)).toThrow(new TypeError(message));
});

test("so is a name that the header does not have, and a value of another kind", () => {
  const reply = replyOf("held", 17, "", "text");
  expect(() => reply.text("until")).toThrow('until in the reply "held" of the script hold is not in its header');
  expect(() => reply.number("dueAt")).toThrow('dueAt in the reply "held" of the script hold is no number: ""');
  expect(() => reply.number("fields")).toThrow('fields in the reply "held" of the script hold is no number: "text"');
  expect(() => reply.list("fields")).toThrow('fields in the reply "held" of the script hold is no list');
});
