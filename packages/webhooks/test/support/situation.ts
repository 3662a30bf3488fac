/** A test file's own corner of Redis, with events to tell and any number of processes' dispatchers. */
import { Installation, RestartCoordinator, type RestartEvent } from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, afterEach, inject } from "vitest";
import { ownPrefix } from "../../../../tests/setup/shared-redis.ts";
import type { DeliverySettings } from "../../src/delivery.ts";
import { WebhookDispatcher } from "../../src/dispatcher.ts";
import { WebhookLeases } from "../../src/lease.ts";
import { WebhookRegistry } from "../../src/registry.ts";
import { Receiver } from "./receiver.ts";

export const SETTINGS: DeliverySettings = {
  timeoutMs: 5_000,
  allowPrivate: true,
  firstRetryMs: 10,
  setAsideMs: 60_000,
  giveUpMs: 60_000,
};

export function useSituation({ shards = 1 } = {}) {
  const prefix = ownPrefix();
  const redis = new Redis(inject("redisUrl"));
  const coordinator = new RestartCoordinator(new Installation({ redis, prefix, shards }));
  const { keys } = coordinator.installation;
  const fleet = `{${prefix}:fleet}:events`;
  const streams = [...Array.from({ length: shards }, (_, shard) => keys.forShard("events", shard)), fleet];
  const registry = new WebhookRegistry(coordinator.installation, { streams });
  const ending: (() => unknown)[] = [];
  let lastId = 0;

  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end();
    for (const { id } of await registry.list()) await registry.remove(id);
  });
  afterAll(async () => {
    for await (const found of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) {
      if (found.length > 0) await redis.del(...(found as string[]));
    }
    redis.disconnect();
  });

  return {
    prefix,
    redis,
    keys,
    registry,
    /** A name no webhook or workspace of this file has yet. */
    name: (kind: string) => `${kind}-${++lastId}`,
    /** Events of a workspace, as the coordinator writes them: a hold each. */
    async happen(workspaceId: string, count = 1): Promise<void> {
      await coordinator.registry.register(workspaceId, {});
      for (let n = 0; n < count; n += 1) await coordinator.verbs.hold(workspaceId, { holdMs: 60_000, actor: "ops" });
    },
    hold: (workspaceId: string, reason: string) =>
      coordinator.verbs.hold(workspaceId, { holdMs: 60_000, actor: "ops", reason }),
    release: (workspaceId: string) => coordinator.verbs.release(workspaceId, { actor: "ops" }),
    /** As a rollout tells it. */
    rolloutEvent: (event: string, payload: object) =>
      redis.xadd(
        fleet,
        "*",
        ...["event", event, "workspace_id", "", "timestamp", "1", "payload", JSON.stringify(payload)],
      ),
    /** Newest first. */
    events: (workspaceId: string): Promise<RestartEvent[]> => coordinator.activity(workspaceId),
    async receiver(): Promise<Receiver> {
      const receiver = await Receiver.listen();
      ending.push(() => receiver.close());
      return receiver;
    },
    /** A process that delivers. */
    dispatcher(settings: Partial<DeliverySettings> = {}, leaseMs = 15_000): WebhookDispatcher {
      const own = new Redis(inject("redisUrl"), { connectionName: `${prefix}-own` });
      const dispatcher = new WebhookDispatcher(new Installation({ redis: own, prefix, leaseMs }), {
        streams,
        owner: "test",
        settings: { ...SETTINGS, ...settings },
        logger: pino({ level: "silent" }),
      });
      void dispatcher.start();
      ending.push(async () => {
        await dispatcher.stop();
        own.disconnect();
      });
      return dispatcher;
    },
    leases: (leaseMs: number) => new WebhookLeases(coordinator.installation, { owner: "another", leaseMs }),
  };
}
