import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { BackgroundService } from "./lifecycle/service.ts";
import { blockingConnection } from "./redis/connect.ts";
import { LONGEST_BLOCK_MS } from "./redis/patience.ts";
import { inTime, within } from "./within.ts";

/** An entry of a stream as Redis tells it: names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

export interface StreamFollowerOptions {
  readonly name: string;
  /** The process' own connection: the follower opens further ones like it. */
  readonly redis: Redis | Cluster;
  /** The keys of the streams. */
  readonly streams: readonly string[];
  /** Told of every entry from the place on, in each stream's order. */
  readonly onEntry: (stream: string, entry: StreamEntry) => void;
  /**
   * Told when the place is known, and again after an outage, in which a server may have come back without what it had:
   * what was there before is to be looked for.
   */
  readonly onPlace?: () => void;
  readonly logger: Logger;
  /** How long a read waits for entries, ms. Default 5,000. */
  readonly blockMs?: number;
  /** How long a read may take beyond that, ms, before the line counts as dead. Default 2,000. */
  readonly silentMs?: number;
}

const PER_READ = 500;
const AFTER_FAILURE_MS = 500;
const HUNG_UP_WITHIN_MS = 100;

/**
 * A follower reads streams as they grow, from its start until its stop: it blocks on connections of its own, finds the
 * place where each stream ends when it starts, and goes on from where it stood after an outage, also after one in which
 * the other side says nothing at all. One connection blocks for all streams of a server; on a Cluster each of them may
 * live on another node. `start` resolves once no entry can be missed any more.
 */
export class StreamFollower extends BackgroundService {
  readonly #options: StreamFollowerOptions;
  #following: Promise<unknown> = Promise.resolve();

  constructor(options: StreamFollowerOptions) {
    super(options.name);
    this.#options = options;
  }

  protected override async up(): Promise<void> {
    const { redis, streams } = this.#options;
    const groups = redis.isCluster ? streams.map((stream) => [stream]) : [streams];
    const following: Promise<void>[] = [];
    const placed = groups.map(
      // A stop ends the start, too.
      (group) => new Promise<void>((resolve) => following.push(this.#follow(group, resolve).then(resolve))),
    );
    this.#following = Promise.all(following);
    await Promise.all(placed);
  }

  protected override async down(): Promise<void> {
    await this.#following;
  }

  async #follow(streams: readonly string[], placed: () => void): Promise<void> {
    const { redis, logger, name, onPlace } = this.#options;
    const places = new Map<string, string>();
    while (!this.stopping.aborted) {
      const connection = blockingConnection(redis);
      // The process' own connection reports that Redis is away.
      connection.on("error", () => {});
      const hangUp = (): void => connection.disconnect();
      this.stopping.addEventListener("abort", hangUp, { once: true });
      try {
        for (const stream of streams) {
          if (!places.has(stream)) places.set(stream, await this.#endOf(stream, connection));
        }
        placed();
        onPlace?.();
        while (!this.stopping.aborted) await this.#read(places, connection);
      } catch (error) {
        if (!this.stopping.aborted) logger.debug({ err: { message: (error as Error).message } }, `${name}: read again`);
      } finally {
        this.stopping.removeEventListener("abort", hangUp);
        // A frozen server hangs up late: that is not waited for.
        const ended: Promise<unknown> = connection.status === "end" ? Promise.resolve() : once(connection, "end");
        hangUp();
        await within(HUNG_UP_WITHIN_MS, ended);
      }
      await sleep(AFTER_FAILURE_MS, undefined, { signal: this.stopping }).catch(() => {});
    }
  }

  async #endOf(stream: string, connection: Redis | Cluster): Promise<string> {
    const [last] = await this.#answered(connection.xrevrange(stream, "+", "-", "COUNT", 1));
    return last?.[0] ?? "0-0";
  }

  async #read(places: Map<string, string>, connection: Redis | Cluster): Promise<void> {
    const { blockMs = LONGEST_BLOCK_MS, onEntry } = this.#options;
    const from = ["STREAMS", ...places.keys(), ...places.values()] as const;
    const reading = connection.xread("COUNT", PER_READ, "BLOCK", blockMs, ...from);
    for (const [stream, entries] of (await this.#answered(reading, blockMs)) ?? []) {
      for (const entry of entries) {
        places.set(stream, entry[0]);
        onEntry(stream, entry);
      }
    }
  }

  /**
   * Waits no longer than an answer may take: a line whose other end vanished would be waited on for many minutes. Nor any
   * longer than until the stop: ioredis keeps a command that waits for a connection though it was told to disconnect.
   */
  async #answered<Answer>(answer: Promise<Answer>, afterMs = 0): Promise<Answer> {
    const { silentMs = 2_000 } = this.#options;
    let giveUp = (): void => {};
    const stopped = new Promise<never>((_, reject) => {
      giveUp = () => reject(this.stopping.reason);
    });
    this.stopping.addEventListener("abort", giveUp, { once: true });
    try {
      const late = () => new Error(`no answer within ${afterMs + silentMs} ms`);
      return await inTime(afterMs + silentMs, Promise.race([answer, stopped]), late);
    } finally {
      this.stopping.removeEventListener("abort", giveUp);
    }
  }
}
