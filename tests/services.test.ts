/** What the two processes are made of: every part of either keeps the contract of a service, by itself and in its place. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  apiEnvironment,
  BackgroundService,
  createLogger,
  readEnvironment,
  ServiceList,
  workerEnvironment,
} from "@restart-coordinator/service";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { makeParts as makeApiParts } from "../apps/api/src/parts.ts";
import { apiServices, httpOf } from "../apps/api/src/server.ts";
import { makeParts as makeWorkerParts } from "../apps/worker/src/parts.ts";
import { workerServices } from "../apps/worker/src/worker.ts";
import { ownPrefix, redisUrl } from "./setup/shared-redis.ts";

const prefix = ownPrefix();
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "services-"));
  // The first one of a process loads what later ones find there.
  for (const make of Object.values(PROCESSES)) await (await make()).stop();
});
afterAll(async () => {
  const redis = new Redis(redisUrl());
  for await (const keys of redis.scanStream({ match: `{${prefix}*`, count: 1_000 })) {
    if (keys.length > 0) await redis.del(...(keys as string[]));
  }
  redis.disconnect();
  await rm(directory, { recursive: true, force: true });
});

const logger = createLogger("test", "silent");
/** An installation for each kind of worker: one that restarts by other means is refused. */
const shared = (kind = "") => ({ REDIS_URL: redisUrl(), RESTART_PREFIX: prefix + kind, WORKSPACES_DIR: directory });

function worker(more: Readonly<Record<string, string>>): ServiceList {
  const config = readEnvironment(workerEnvironment, {
    ...shared(more.PROVISIONER),
    METRICS_PORT: "0",
    RESTART_MAX_RUNNING: "3",
    ...more,
  });
  return new ServiceList(workerServices(makeWorkerParts(config, logger, undefined)), logger);
}

async function api(): Promise<ServiceList> {
  const env = { ...shared(), PORT: "0", RESTART_SHADOW_PROFILE: "settle" };
  const config = readEnvironment(apiEnvironment, env);
  const parts = await makeApiParts(config, logger, undefined);
  return new ServiceList(apiServices(parts, httpOf(parts, config)), logger);
}

const PROCESSES: Readonly<Record<string, () => ServiceList | Promise<ServiceList>>> = {
  worker: () => worker({ PROVISIONER: "simulated", SIMULATED_LEDGER: prefix }),
  "worker with EC2": () => worker({ PROVISIONER: "ec2", EC2_OWNER: "test", EC2_ENDPOINT: "http://127.0.0.1:1" }),
  api,
};

/** In the order in which they start. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  worker: [
    "health and metrics",
    "the connection to the ledger",
    "the connection to Redis",
    ...["the check of Redis", "the watch over Redis", "the watch for evicted keys"],
    "the queue of hints",
    "the watch over the policy file",
    ...["the wish to schedule anew what is owed", "the comparison of rules of time zones"],
    ...["the cycles under way", "the turns under way", "the hints under way"],
    ...["the sweep", "the look at the workspaces", "the look at the rollouts", "the webhooks"],
  ],
  "worker with EC2": [
    "health and metrics",
    "the connections to EC2 and to its buckets",
    "the connection to Redis",
    ...["the check of Redis", "the watch over Redis", "the watch for evicted keys"],
    "the queue of hints",
    "the watch over the policy file",
    ...["the wish to schedule anew what is owed", "the comparison of rules of time zones"],
    ...["the cycles under way", "the turns under way", "the hints under way"],
    ...["the sweep", "the look at the workspaces", "the look at the rollouts"],
    ...["the comparison of what runs with what is recorded", "the webhooks"],
  ],
  api: [
    "the connection to Redis",
    ...["the check of Redis", "the watch over Redis"],
    "the queue of hints",
    "the shadow policy",
    "the requests under way",
    "the event feed",
    "the watch over the policy file",
    "the watch over the policy file",
    "the comparison of rules of time zones",
  ],
};

/** The sockets, servers and timers that keep this process alive. */
const alive = () => process.getActiveResourcesInfo().filter((what) => /^(TCP|Timeout)/.test(what));
/** Those of other test files in the same process. */
let before = 0;
beforeEach(() => {
  before = alive().length;
});

/** Resolves once nothing that was not there before keeps this process alive. */
async function untilNothingIsLeft(): Promise<void> {
  const deadline = performance.now() + 10_000;
  // A timer that counts itself would never see the end.
  while (alive().length > before && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5).unref());
  }
  expect(alive().length, alive().join(", ")).toBeLessThanOrEqual(before);
}

describe.each(Object.entries(NAMES))("the services of the %s", (name, names) => {
  const make = PROCESSES[name] as () => Promise<ServiceList>;

  test("can be read aloud, and each keeps the contract by the same code", async () => {
    const all = await make();
    onTestFinished(() => all.stop());
    expect(all.services.map((service) => service.name)).toEqual(names);
    for (const service of all.services) expect(service).toBeInstanceOf(BackgroundService);
  });

  test("may each be stopped before they start, and twice: then they start nothing", async () => {
    const services = [...(await make()).services].reverse();
    for (const service of services) await Promise.all([service.stop(), service.stop()]);
    for (const service of services) await service.start();
    await untilNothingIsLeft();
  });

  test("may each be started twice, and stopped twice: then nothing is under way", async () => {
    const { services } = await make();
    for (const service of services) await Promise.all([service.start(), service.start()]);
    for (const service of [...services].reverse()) await Promise.all([service.stop(), service.stop()]);
    await untilNothingIsLeft();
  });

  test("leave nothing when all are stopped while they start", async () => {
    const all = await make();
    const started = all.start();
    await all.stop();
    await started;
    await untilNothingIsLeft();
  });
});
