/**
 * Restarts many workspaces at once against a server that enforces AWS's buckets, and says what the pacing made them wait.
 * At true rates unless told otherwise: see docs/ec2-pacing.md.
 *
 *   pace.ts [--workspaces 400] [--workers 4] [--speed 1]
 */
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
// By path: a test's helper, not a dependency of the worker.
import { startRedis } from "../../../../../packages/dev-redis/src/index.ts";
import { identityTags } from "../../../src/provisioners/ec2/tags.ts";
import { awsForTests } from "../ec2-proxy/aws-for-tests.ts";
import { startEc2Proxy } from "../ec2-proxy/proxy.ts";
import { SmallEc2 } from "../ec2-proxy/small-ec2.ts";
import { explain, OWNER, RestartedFleet } from "./fleet-restart.ts";

const { values } = parseArgs({
  options: {
    workspaces: { type: "string", default: "400" },
    workers: { type: "string", default: "4" },
    speed: { type: "string", default: "1" },
  },
});
const options = { workspaces: Number(values.workspaces), workers: Number(values.workers), speed: Number(values.speed) };

awsForTests();
const server = await startRedis();
const redis = new Redis(server.url, { maxRetriesPerRequest: null });
const ec2 = new SmallEc2();
const proxy = await startEc2Proxy({ moto: (params) => ec2.answer(params), speed: options.speed });
const place = { endpoint: proxy.url, imageId: ec2.imageId, redis, prefix: `pace-${process.pid}` };
const fleet = new RestartedFleet({ ...place, ...options });
try {
  const old = new Map<string, string>();
  for (let i = 0; i < options.workspaces; i++) {
    old.set(`w${i}`, ec2.add(identityTags({ owner: OWNER, workspaceId: `w${i}` })));
  }
  console.log(`restarting ${options.workspaces} workspaces by ${options.workers} workers, refill x ${options.speed} …`);
  console.log(explain(await fleet.restart(old)));
  const throttled = proxy.calls.filter((call) => call.throttled).length;
  console.log(`${proxy.calls.length} calls arrived, ${throttled} of them were throttled.`);
  if (throttled > 0) process.exitCode = 1;
} finally {
  fleet.close();
  await proxy.stop();
  await redis.quit();
  await server.stop();
}
