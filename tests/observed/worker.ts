/** Workers in this process, with the provisioner that a test asks for, and what they make of the workspaces. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Installation,
  POLICIES,
  RestartCoordinator,
  type RestartEvent,
  type WorkspaceState,
} from "@restart-coordinator/debounce";
import { createLogger, readEnvironment, ServiceList, workerEnvironment } from "@restart-coordinator/service";
import { Redis } from "ioredis";
import { afterAll, onTestFinished } from "vitest";
import { makeParts } from "../../apps/worker/src/parts.ts";
import { workerServices } from "../../apps/worker/src/worker.ts";
import { ownPrefix, redisUrl } from "../setup/shared-redis.ts";

/** Call it once per test file, outside of any test. */
export function useWorkers() {
  const prefix = ownPrefix();
  const redis = new Redis(redisUrl());
  const coordinator = new RestartCoordinator(new Installation({ redis, prefix, policy: POLICIES.default }));
  const directory = mkdtemp(join(tmpdir(), "observed-"));
  const logger = createLogger("test", "silent");

  afterAll(async () => {
    for await (const keys of redis.scanStream({ match: `{${prefix}:*`, count: 1_000 })) {
      if (keys.length > 0) await redis.del(...(keys as string[]));
    }
    await redis.quit();
    await rm(await directory, { recursive: true, force: true });
  });

  /** Starts a worker; it stops at the end of the test at the latest. */
  async function worker(more: Readonly<Record<string, string>>): Promise<ServiceList> {
    const config = readEnvironment(workerEnvironment, {
      ...{ REDIS_URL: redisUrl(), RESTART_PREFIX: prefix, WORKSPACES_DIR: await directory },
      ...{ RESTART_SWEEP_MS: "50", RESTART_COOLDOWN_MS: "0", SHUTDOWN_GRACE_MS: "0", ...more },
    });
    const service = new ServiceList(workerServices(makeParts(config, logger, undefined)), logger);
    onTestFinished(() => service.stop());
    await service.start();
    return service;
  }

  async function state(id: string): Promise<WorkspaceState> {
    const found = await coordinator.workspace(id);
    if (found === undefined) throw new Error(`expected ${id} to be registered`);
    return found;
  }

  /** Oldest first. */
  async function events(id: string, name: string): Promise<RestartEvent[]> {
    return (await coordinator.activity(id)).filter(({ event }) => event === name).reverse();
  }

  return { prefix, redis, coordinator, worker, state, events };
}
