import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { ownPrefix, redisUrl } from "../../../../../tests/setup/shared-redis.ts";
import { identityTags, TAG } from "../../../src/provisioners/ec2/tags.ts";
import { awsForTests } from "../ec2-proxy/aws-for-tests.ts";
import { type Ec2Proxy, startEc2Proxy } from "../ec2-proxy/proxy.ts";
import { SmallEc2 } from "../ec2-proxy/small-ec2.ts";
import { explain, OWNER, RestartedFleet } from "./fleet-restart.ts";

awsForTests();

let redis: Redis;
let ec2: SmallEc2;
let proxy: Ec2Proxy;
const fleets: RestartedFleet[] = [];

beforeAll(() => {
  redis = new Redis(redisUrl(), { maxRetriesPerRequest: null });
});
afterEach(async () => {
  for (const fleet of fleets.splice(0)) fleet.close();
  await proxy.stop();
});
afterAll(() => redis.quit());

async function fleetOf(options: { workspaces: number; workers: number; speed: number; paced?: boolean }) {
  ec2 = new SmallEc2();
  proxy = await startEc2Proxy({ moto: (params) => ec2.answer(params), speed: options.speed });
  const place = { endpoint: proxy.url, imageId: ec2.imageId, redis, prefix: ownPrefix() };
  const fleet = new RestartedFleet({ ...place, ...options });
  fleets.push(fleet);
  return fleet;
}

const throttled = () => proxy.calls.filter((call) => call.throttled).length;

it("400 workspaces restarted at once by four workers meet no throttling, and it is told what that made them wait", async () => {
  const speed = 30;
  const fleet = await fleetOf({ workspaces: 400, workers: 4, speed });
  const old = new Map(
    Array.from({ length: 400 }, (_, i) => [`w${i}`, ec2.add(identityTags({ owner: OWNER, workspaceId: `w${i}` }))]),
  );
  const report = await fleet.restart(old);
  const { instances, waits } = report;
  expect(throttled()).toBe(0);
  const launches = proxy.calls.filter(({ action, dryRun }) => action === "RunInstances" && !dryRun);
  expect(launches).toHaveLength(400);
  // One for each worker: the spec is the same everywhere.
  expect(proxy.calls.filter(({ action, dryRun }) => action === "RunInstances" && dryRun)).toHaveLength(4);
  expect(ec2.runningBy(TAG.workspace)).toEqual(new Map([...instances].map(([id, instance]) => [id, [instance]])));
  const launching = waits.find(({ action }) => action === "RunInstances");
  expect(launching?.totalMs).toBeGreaterThan(0);
  console.info(`AWS's buckets, refilled ${speed} times faster: ${explain(report)}`);
}, 60_000);

it("without the pacing the same server throttles", async () => {
  const fleet = await fleetOf({ workspaces: 20, workers: 2, speed: 0.001, paced: false });
  await fleet.restart().catch(() => {});
  expect(throttled()).toBeGreaterThan(0);
});
