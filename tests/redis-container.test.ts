import { Cycles, Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { redisImage, whyNoContainer } from "@restart-coordinator/dev-redis";
import { RedisContainer } from "@testcontainers/redis";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

const obstacle = await whyNoContainer();
if (obstacle !== undefined) console.info(`Skipped, the coordinator on a Redis container: ${obstacle}.`);

test.skipIf(obstacle)("the coordinator works the same on the Redis image people deploy", async () => {
  const container = await new RedisContainer(redisImage()).start();
  onTestFinished(async () => void (await container.stop()));
  const replicas = [1, 2, 3].map(
    () => new RestartCoordinator(new Installation({ redis: connect(container.getConnectionUrl()) })),
  );
  const worker = new Cycles(new Installation({ redis: connect(container.getConnectionUrl()) }), { worker: "test" });
  await replicas[0]?.registry.register("canvas", {});

  const receipts = await Promise.all(replicas.map((replica) => replica.trigger("canvas", { source: "file-write" })));
  const begun = await worker.begin("canvas");
  if (begun.kind !== "begun") throw new Error(`expected a cycle to begin, got "${begun.kind}"`);
  await begun.lease.end({ outcome: "ok" });

  expect(receipts.map(({ decision }) => decision).sort()).toEqual(["coalesced", "coalesced", "fired"]);
  expect(await worker.begin("canvas")).not.toHaveProperty("kind", "begun");
  expect((await replicas[0]?.workspace("canvas"))?.restart.lastCycle).toMatchObject({ outcome: "ok" });
});

function connect(url: string): Redis {
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  return redis;
}
