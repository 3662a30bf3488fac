/**
 * Sees to it that a process works with a Redis that can carry it. What is wrong for good ends the start with one message; a
 * Redis that is away, or takes no writes now, is waited for and asked once it is there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CoordinatorUnavailableError, type KeySpace } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { ConfigurationError } from "../configuration-error.ts";
import { sooner } from "../within.ts";
import { describeAddress, parseRedisUrl, type RedisAddress } from "./address.ts";
import type { RedisSettings } from "./connect.ts";
import { describeFinding, examineRedis } from "./examine.ts";
import { findDifferences } from "./installation.ts";
import { explainObstacle, findObstacles, isPermanent } from "./obstacle.ts";

export interface StartSettings extends RedisSettings {
  readonly RESTART_PREFIX: string;
  readonly RESTART_MIN_REPLICAS: number;
  readonly PROVISIONER?: string | undefined;
}

export interface StartCheckOptions {
  readonly redis: Redis | Cluster;
  readonly keys: KeySpace;
  readonly settings: StartSettings;
  /** It carries restarts out, by the provisioner that the settings name. */
  readonly isWorker: boolean;
  readonly logger: Logger;
}

export interface StartCheck {
  /** Resolves once Redis was found to be usable. What cannot do without must wait for it. */
  readonly passed: Promise<void>;
}

/** A process goes on without a Redis that is not there by then, ms. */
const CONNECT_WITHIN_MS = 1_000;
/** For all answers together, ms. */
const ANSWER_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 1_000;

/**
 * Resolves once Redis was found to be usable, or is not there within a second. When it turns out later that the process may
 * not run, it ends.
 *
 * @throws ConfigurationError
 */
export async function checkAtStart(options: StartCheckOptions): Promise<StartCheck> {
  const end = (error: Error): void => {
    options.logger.fatal(error.message);
    process.exit(1);
  };
  const check = new Check(options);
  const passed = check.pass();
  await Promise.race([passed, check.notThere(passed)]);
  // Whoever comes to a Redis that has lost everything writes down again what was there.
  passed.then(() => options.redis.on("ready", () => check.compare().catch(end))).catch(end);
  return { passed };
}

class Check {
  readonly #options: StartCheckOptions;
  readonly #address: RedisAddress;
  /** It is found out what keeps the process from Redis. */
  #dialling: Promise<void> | undefined;
  /** Redis is there, and was asked at least once. */
  #hasAsked = () => {};
  readonly #asked = new Promise<void>((resolve) => {
    this.#hasAsked = resolve;
  });

  constructor(options: StartCheckOptions) {
    this.#options = options;
    this.#address = parseRedisUrl(options.settings.REDIS_URL);
  }

  /** @throws ConfigurationError */
  async pass(): Promise<void> {
    for (;;) {
      await this.#connected();
      if (await this.#isUsable()) return;
      this.#hasAsked();
      await sleep(ASK_AGAIN_MS, undefined, { ref: false });
    }
  }

  /** Resolves when there is nothing to wait for, for the time being. */
  async notThere(passed: Promise<void>): Promise<void> {
    await sleep(CONNECT_WITHIN_MS, undefined, { ref: false });
    if (this.#options.redis.status !== "ready" && this.#dialling === undefined) return;
    await sooner(ANSWER_WITHIN_MS, Promise.race([passed, this.#dialling ?? this.#asked])).catch(() => {});
  }

  /** @throws ConfigurationError when the installation is another one than the settings say */
  async compare(): Promise<void> {
    const { redis, keys, settings, isWorker } = this.#options;
    const facts = { redis, keys, provisioner: settings.PROVISIONER, isWorker };
    const differences = await findDifferences(facts).catch(ifNothingIsWrong);
    if (differences !== undefined && differences.length > 0) throw new ConfigurationError(differences);
  }

  /** False when it cannot be told yet. @throws ConfigurationError */
  async #isUsable(): Promise<boolean> {
    const { redis, keys, settings, isWorker, logger } = this.#options;
    const examined = {
      redis,
      keys,
      prefix: settings.RESTART_PREFIX,
      user: this.#address.username ?? "default",
      waitsForReplicas: settings.RESTART_MIN_REPLICAS > 0,
    };
    const findings = await sooner(ANSWER_WITHIN_MS, examineRedis(examined)).catch(ifNothingIsWrong);
    if (findings === undefined) return false;
    const fatal = findings.filter(({ weight }) => weight === "fatal");
    if (fatal.length > 0) throw new ConfigurationError(fatal.map(describeFinding));
    const facts = { redis, keys, provisioner: settings.PROVISIONER, isWorker };
    const differences = await sooner(ANSWER_WITHIN_MS, findDifferences(facts)).catch(ifNothingIsWrong);
    if (differences === undefined) return false;
    if (differences.length > 0) throw new ConfigurationError(differences);
    for (const { what, remedy } of findings) logger.warn({ remedy }, what);
    return true;
  }

  /** Resolves once it is. @throws ConfigurationError for what no waiting changes */
  async #connected(): Promise<void> {
    const { redis } = this.#options;
    if (redis.status === "ready") return;
    let onError: (error: Error) => void = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        redis.once("ready", resolve);
        onError = (error) => void this.#lookInto(error).catch(reject);
        redis.on("error", onError);
      });
    } finally {
      redis.off("error", onError);
    }
  }

  async #lookInto(error: Error): Promise<void> {
    const { kind } = this.#address;
    const isOfSentinels = kind === "sentinel" && /sentinel/i.test(error.message);
    if (isPermanent(error) && !isOfSentinels) {
      throw new ConfigurationError([`${describeAddress(this.#address)}: ${explainObstacle(error)}`]);
    }
    // Of those that only lead to the servers ioredis does not tell what is the matter.
    if (kind === "server") return;
    this.#dialling ??= this.#dial().finally(() => {
      this.#dialling = undefined;
    });
    await this.#dialling;
  }

  async #dial(): Promise<void> {
    const obstacles = await findObstacles(this.#options.settings);
    const permanent = obstacles.filter(({ error }) => isPermanent(error));
    if (permanent.length === 0) return;
    const what = this.#address.kind === "sentinel" ? "Sentinel " : "";
    throw new ConfigurationError(
      permanent.map(
        ({ node: { host, port }, error }) => `${what}${host}:${port}: ${explainObstacle(error, what !== "")}`,
      ),
    );
  }
}

/** A Redis that is away, or refuses for now, says nothing against it. */
function ifNothingIsWrong(error: unknown): undefined {
  if (!(error instanceof CoordinatorUnavailableError)) throw error;
  return undefined;
}
