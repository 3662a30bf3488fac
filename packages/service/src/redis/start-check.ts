/**
 * Sees to it that a process works with a Redis that can carry it. What is wrong for good ends the start with one message; a
 * Redis that is away, or takes no writes now, is waited for and asked once it is there.
 */
import { CoordinatorUnavailableError, type KeySpace } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { ConfigurationError } from "../configuration-error.ts";
import { Bell } from "../lifecycle/bell.ts";
import { BackgroundService } from "../lifecycle/service.ts";
import { inTime, within } from "../within.ts";
import { describeAddress, parseRedisUrl, type RedisAddress } from "./address.ts";
import type { RedisSettings } from "./connect.ts";
import { describeFinding, examineRedis } from "./examine.ts";
import { compareInstallation } from "./installation.ts";
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
  /** Told when nothing of the installation is there any more, and this process was the first to see it. */
  readonly onEmptied?: () => void;
  readonly logger: Logger;
}

/** A process goes on without a Redis that is not there by then, ms. */
const CONNECT_WITHIN_MS = 1_000;
/** For all answers together, ms. */
const ANSWER_WITHIN_MS = 10_000;
const ASK_AGAIN_MS = 1_000;
/** Another number of shards may be let in for no longer than this after somebody emptied Redis. */
const COMPARE_EVERY_MS = 2_000;

/**
 * The check is up once Redis was found to be usable, or is not there within a second. When it turns out later that the
 * process may not run, the process ends.
 */
export class StartCheck extends BackgroundService {
  readonly #options: StartCheckOptions;
  readonly #address: RedisAddress;
  /** Rung by the stop, which ends all waiting. */
  readonly #bell = new Bell();
  readonly #passed = new Occasion();
  readonly #asked = new Occasion();
  #hasPassed = false;
  #looking: NodeJS.Timeout | undefined;
  /** It is being found out what keeps the process from Redis. */
  #dialling: Promise<void> | undefined;

  /** @throws ConfigurationError */
  constructor(options: StartCheckOptions) {
    super("the check of Redis");
    this.#options = options;
    this.#address = parseRedisUrl(options.settings.REDIS_URL);
  }

  /** Resolves once Redis was found to be usable: what cannot do without waits for it. Never rejects. */
  get passed(): Promise<void> {
    return this.#passed.come;
  }

  /** @throws ConfigurationError */
  protected override async up(): Promise<void> {
    const passing = this.#pass();
    await Promise.race([passing, this.#notThere(passing)]);
    passing.catch(this.#end);
  }

  protected override async down(): Promise<void> {
    this.#options.redis.off("ready", this.#compareAgain);
    clearInterval(this.#looking);
    this.#bell.ring();
  }

  readonly #end = (error: Error): void => {
    if (this.stopping.aborted) return;
    this.#options.logger.fatal(error.message);
    process.exit(1);
  };

  /** Redis may have lost everything, by a restart or by a person's hand: what was there is written down again. */
  readonly #compareAgain = (): void => {
    if (this.#options.redis.status === "ready") this.#compare().catch(this.#end);
  };

  #tellEmptied(): void {
    const { onEmptied, logger } = this.#options;
    logger.error(
      "Redis came back empty: workspaces and webhooks must be registered again, and what was owed or held is forgotten",
    );
    onEmptied?.();
  }

  /** @throws ConfigurationError */
  async #pass(): Promise<void> {
    while (!this.stopping.aborted) {
      const { mark } = this.#bell;
      await this.#connected();
      if (!this.stopping.aborted && (await this.#isUsable())) {
        this.#options.redis.on("ready", this.#compareAgain);
        this.#looking = setInterval(this.#compareAgain, COMPARE_EVERY_MS);
        this.#hasPassed = true;
        this.#passed.hasCome();
        return;
      }
      this.#asked.hasCome();
      await this.#bell.since(mark, ASK_AGAIN_MS);
    }
  }

  /** Resolves when there is nothing to wait for, for the time being. */
  async #notThere(passing: Promise<void>): Promise<void> {
    await within(CONNECT_WITHIN_MS, passing);
    if (this.#options.redis.status !== "ready" && this.#dialling === undefined) return;
    await within(ANSWER_WITHIN_MS, Promise.race([passing, this.#dialling ?? this.#asked.come]));
  }

  /** False when it cannot be told yet. @throws ConfigurationError */
  async #isUsable(): Promise<boolean> {
    const { redis, keys, settings, logger } = this.#options;
    const examined = {
      redis,
      keys,
      prefix: settings.RESTART_PREFIX,
      user: this.#address.username ?? "default",
      waitsForReplicas: settings.RESTART_MIN_REPLICAS > 0,
    };
    const findings = await answered(examineRedis(examined));
    if (findings === undefined) return false;
    const fatal = findings.filter(({ weight }) => weight === "fatal");
    if (fatal.length > 0) throw new ConfigurationError(fatal.map(describeFinding));
    if (!(await this.#compare())) return false;
    for (const { what, remedy } of findings) logger.warn({ remedy }, what);
    return true;
  }

  /** False when it cannot be told yet. @throws ConfigurationError when the installation is another one than the settings say */
  async #compare(): Promise<boolean> {
    const { redis, keys, settings, isWorker } = this.#options;
    const compared = await answered(compareInstallation({ redis, keys, provisioner: settings.PROVISIONER, isWorker }));
    if (compared === undefined) return false;
    if (compared.differences.length > 0) throw new ConfigurationError(compared.differences);
    if (compared.isNew && this.#hasPassed) this.#tellEmptied();
    return true;
  }

  /** Resolves once it is, or at the stop. @throws ConfigurationError for what no waiting changes */
  async #connected(): Promise<void> {
    const { redis } = this.#options;
    if (redis.status === "ready") return;
    let leave = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const onError = (error: Error): void => void this.#lookInto(error).catch(reject);
        const onStop = (): void => resolve();
        redis.once("ready", resolve).on("error", onError);
        this.stopping.addEventListener("abort", onStop, { once: true });
        leave = () => {
          redis.off("ready", resolve).off("error", onError);
          this.stopping.removeEventListener("abort", onStop);
        };
      });
    } finally {
      leave();
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
    const isSentinel = this.#address.kind === "sentinel";
    throw new ConfigurationError(
      permanent.map(({ node: { host, port }, error }) => {
        return `${isSentinel ? "Sentinel " : ""}${host}:${port}: ${explainObstacle(error, isSentinel)}`;
      }),
    );
  }
}

/** Something that comes once. */
class Occasion {
  readonly come: Promise<void>;
  hasCome: () => void = () => {};

  constructor() {
    this.come = new Promise((resolve) => {
      this.hasCome = resolve;
    });
  }
}

/** Undefined where Redis is away or refuses for now: that says nothing against it. */
async function answered<Answer>(asked: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await inTime(ANSWER_WITHIN_MS, asked, () => new CoordinatorUnavailableError("no answer in time"));
  } catch (error) {
    if (error instanceof CoordinatorUnavailableError) return undefined;
    throw error;
  }
}
