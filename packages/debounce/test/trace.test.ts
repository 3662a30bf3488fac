/** The trace of the trigger that made a cycle due is kept with what is owed: it needs no hint to reach the worker. */
import { expect, test } from "vitest";
import { useRedis } from "./support/redis.ts";
import { useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own);

test("a cycle is told the trace of its first trigger, at every attempt, and the next one its own", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write", { trace: "first" });
  await one.at(1).trigger("file-write", { trace: "second" });
  expect((await one.begun()).trace).toBe("first");
  await one.at(10).trigger("file-write", { trace: "third" });
  await one.end("failed");
  expect((await one.at(100_000).begun()).trace).toBe("first");
  await one.end("ok");
  expect((await one.at(200_000).begun()).trace).toBe("third");
});

test("a trigger that brings the cycle forward gives it its trace", async () => {
  const one = await workspace();
  await one.at(0).trigger("secret-change", { trace: "waits for quiet" });
  await one.at(10).trigger("manual", { trace: "now" });
  expect((await one.begun()).trace).toBe("now");
});

test("without a trace nothing is kept", async () => {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  expect((await one.begun()).trace).toBeUndefined();
  expect(Object.keys((await one.view()).state).filter((field) => /trace/i.test(field))).toEqual([]);
});
