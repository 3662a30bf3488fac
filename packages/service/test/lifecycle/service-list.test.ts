import { pino } from "pino";
import { expect, test } from "vitest";
import { BackgroundService, type Service, ServiceList } from "../../src/index.ts";

function situation() {
  const calls: string[] = [];
  const lines: { msg: string; level: number }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const service = (name: string, fails: { start?: string; stop?: string; hangs?: boolean } = {}): Service =>
    new BackgroundService(name, {
      stopWithinMs: 20,
      async start() {
        calls.push(`start ${name}`);
        await new Promise(setImmediate);
        if (fails.start !== undefined) throw new Error(fails.start);
        calls.push(`${name} is up`);
      },
      async stop() {
        calls.push(`stop ${name}`);
        if (fails.hangs) await new Promise(() => {});
        await new Promise(setImmediate);
        if (fails.stop !== undefined) throw new Error(fails.stop);
        calls.push(`${name} is down`);
      },
    });
  const list = (...services: ConstructorParameters<typeof ServiceList>[0]) => new ServiceList(services, logger);
  return { calls, lines, service, list };
}

test("the services of a list start in order, each once the one before is up, and stop in the reverse order", async () => {
  const { calls, service, list } = situation();
  const all = list(service("a"), undefined, service("b"));
  await all.start();
  expect(calls.splice(0)).toEqual(["start a", "a is up", "start b", "b is up"]);
  await all.stop();
  expect(calls).toEqual(["stop b", "b is down", "stop a", "a is down"]);
});

test("a list within the list starts and stops side by side", async () => {
  const { calls, service, list } = situation();
  const all = list(service("a"), [service("b"), undefined, service("c")]);
  await all.start();
  expect(calls.splice(0)).toEqual(["start a", "a is up", "start b", "start c", "b is up", "c is up"]);
  await all.stop();
  expect(calls).toEqual(["stop b", "stop c", "b is down", "c is down", "stop a", "a is down"]);
});

test("when one cannot start, all are stopped in the reverse order, and none after it was started", async () => {
  const { calls, service, list } = situation();
  const all = list(service("a"), service("b"), service("c", { start: "the port is taken" }), service("d"));
  await expect(all.start()).rejects.toThrow("the port is taken");
  expect(calls.filter((call) => call.startsWith("start"))).toEqual(["start a", "start b", "start c"]);
  expect(calls.filter((call) => call.endsWith("is down"))).toEqual([
    "d is down",
    "c is down",
    "b is down",
    "a is down",
  ]);
  await all.stop();
  expect(calls.filter((call) => call === "stop a")).toHaveLength(1);
});

test("a stop during the start starts no further one, and stops those that were", async () => {
  const { calls, service, list } = situation();
  const all = list(service("a"), service("b"));
  const started = all.start();
  await all.stop();
  await started;
  expect(calls).toEqual(["start a", "a is up", "stop b", "b is down", "stop a", "a is down"]);
});

test("one that cannot be stopped keeps no other from it, and is told", async () => {
  const { calls, lines, service, list } = situation();
  const all = list(service("a"), service("b", { stop: "disk on fire" }), service("c"));
  await all.start();
  await expect(all.stop()).rejects.toThrow("disk on fire");
  expect(calls.slice(-5)).toEqual(["stop c", "c is down", "stop b", "stop a", "a is down"]);
  expect(lines).toMatchObject([{ level: 50, msg: "b could not be stopped", err: { message: "disk on fire" } }]);
});

test("one that hangs is told and left to itself: the others stop, and the process ends cleanly", async () => {
  const { calls, lines, service, list } = situation();
  const all = list(service("a"), service("b", { hangs: true }));
  await all.start();
  await all.stop();
  expect(calls.at(-1)).toBe("a is down");
  expect(lines).toMatchObject([{ level: 40, msg: "b: still under way 20 ms after the stop; it is left to itself" }]);
});
