/** What an attempt did whose worker died is told all the same. */
import { expect, test } from "vitest";
import type { Step } from "../src/transitions/types.ts";
import { useRedis } from "./support/redis.ts";
import { at, LEASE_MS, type TestWorkspace, useWorkspaces } from "./support/workspace.ts";

const own = useRedis();
const workspace = useWorkspaces(own, { replicas: 2 });

const done = (name: string, ms: number): Step => ({ name, startedAt: at(ms), durationMs: 500 });
const underWay = (name: string, ms: number): Step => ({ name, startedAt: at(ms) });

async function begun(): Promise<TestWorkspace> {
  const one = await workspace();
  await one.at(0).trigger("file-write");
  await one.begun();
  return one;
}

test("the end of a cycle tells what lost attempts did, each step with its attempt, then its own", async () => {
  const one = await begun();
  await one.journal("{}", undefined, [done("STOPPING", 0), underWay("STARTING", 500)]);
  await one.at(LEASE_MS).begun("second");
  await one.renew(undefined, [underWay("STARTING", LEASE_MS)]);
  await one.at(2 * LEASE_MS).begun("third");
  await one.end("ok", { steps: [done("STARTING", 2 * LEASE_MS)] });
  const [online] = await one.events("WORKSPACE_ONLINE");
  expect(online?.payload).toMatchObject({ attempt: 3 });
  expect(online?.payload.steps).toEqual([
    { ...done("STOPPING", 0), attempt: 1 },
    { ...underWay("STARTING", 500), attempt: 1 },
    { ...underWay("STARTING", LEASE_MS), attempt: 2 },
    done("STARTING", 2 * LEASE_MS),
  ]);
});

test("an attempt that told its steps itself is not told again, and one that was handed over is", async () => {
  const one = await begun();
  await one.journal("{}", undefined, [underWay("STOPPING", 0)]);
  await one.end("failed", { steps: [done("STOPPING", 0)] });
  await one.at(5_000).begun();
  await one.end("handover", { steps: [done("STARTING", 5_000)] });
  await one.begun();
  await one.end("ok");
  const [online] = await one.events("WORKSPACE_ONLINE");
  expect(online?.payload.steps).toEqual([{ ...done("STARTING", 5_000), attempt: 2 }]);
});

test("they are bounded: the newest hundred stay", async () => {
  const one = await begun();
  const steps = Array.from({ length: 50 }, (_, i) => underWay(`step-${i}`, i));
  for (let death = 1; death <= 4; death += 1) {
    await one.renew(undefined, steps);
    await one.at(death * LEASE_MS).begun(`worker ${death}`);
  }
  await one.end("ok");
  const [online] = await one.events("WORKSPACE_ONLINE");
  const told = online?.payload.steps as { attempt: number }[];
  expect(told.map(({ attempt }) => attempt)).toEqual([...Array(50).fill(3), ...Array(50).fill(4)]);
});
