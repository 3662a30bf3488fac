import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { BackgroundService } from "./lifecycle/service.ts";
import { blockingConnection } from "./redis/connect.ts";
import { LONGEST_BLOCK_MS } from "./redis/patience.ts";
import { inTime } from "./within.ts";

/** An entry of a stream as Redis tells it: names and values in turn. */
export type StreamEntry = [id: string, fields: string[]];

export interface StreamFollowerOptions {
  readonly name: string;
  /** The process' own connection: the follower opens further ones like it. */
  readonly redis: Redis | Cluster;
  /** The keys of the streams. */
  readonly streams: readonly string[];
  /** Told of every entry from the place on, in each stream's order, with the stream's number in the list. */
  readonly onEntry: (stream: number, entry: StreamEntry) => void;
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
const CLOSED_WITHIN_MS = 100;

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
    const all = [...streams.keys()];
    const groups = redis.isCluster ? all.map((stream) => [stream]) : [all];
    const following: Promise<void>[] = [];
    const placed = groups.map(
      (group) =>
        new Promise<void>((resolve) => {
          // A stop ends the start, too.
          following.push(this.#follow(group, resolve).then(resolve));
        }),
    );
    this.#following = Promise.all(following);
    await Promise.all(placed);
  }

  protected override async down(): Promise<void> {
    await this.#following;
  }

  async #follow(streams: readonly number[], placed: () => void): Promise<void> {
    const { redis, logger, name } = this.#options;
    const places = new Map<number, string>();
    while (!this.stopping.aborted) {
      const connection = blockingConnection(redis);
      // The process' own connection reports that Redis is away.
      connection.on("error", () => {});
      let hangUp = (): void => connection.disconnect();
      // A connection that is being made, or whose other end is silent, tells nobody that it was given up.
      const hungUp = new Promise<void>((resolve) => {
        hangUp = () => {
          connection.once("end", resolve).disconnect();
          setTimeout(resolve, CLOSED_WITHIN_MS);
        };
      });
      this.stopping.addEventListener("abort", hangUp, { once: true });
      try {
        await Promise.race([this.#readOn(streams, places, connection, placed), hungUp]);
      } catch (error) {
        if (!this.stopping.aborted) logger.debug({ err: { message: (error as Error).message } }, `${name}: read again`);
      } finally {
        this.stopping.removeEventListener("abort", hangUp);
        hangUp();
      }
      await sleep(AFTER_FAILURE_MS, undefined, { signal: this.stopping }).catch(() => {});
    }
  }

  /** Until the stop. @throws whatever breaks the connection */
  async #readOn(
    streams: readonly number[],
    places: Map<number, string>,
    connection: Redis | Cluster,
    placed: () => void,
  ): Promise<void> {
    for (const stream of streams) {
      if (!places.has(stream)) places.set(stream, await this.#endOf(stream, connection));
    }
    placed();
    this.#options.onPlace?.();
    while (!this.stopping.aborted) await this.#read(places, connection);
  }

  async #endOf(stream: number, connection: Redis | Cluster): Promise<string> {
    const [last] = await this.#answered(connection.xrevrange(this.#keyOf(stream), "+", "-", "COUNT", 1));
    return last?.[0] ?? "0-0";
  }

  async #read(places: Map<number, string>, connection: Redis | Cluster): Promise<void> {
    const { blockMs = LONGEST_BLOCK_MS, onEntry } = this.#options;
    const numbers = [...places.keys()];
    const keys = numbers.map((stream) => this.#keyOf(stream));
    const reading = connection.xread("COUNT", PER_READ, "BLOCK", blockMs, "STREAMS", ...keys, ...places.values());
    for (const [key, entries] of (await this.#answered(reading, blockMs)) ?? []) {
      const stream = numbers[keys.indexOf(key)] as number;
      for (const entry of entries) {
        places.set(stream, entry[0]);
        onEntry(stream, entry);
      }
    }
  }

  /**
   * Waits for an answer no longer than it may take: a line whose other end vanished without a word would be waited on
   * for many minutes.
   */
  #answered<Answer>(answer: Promise<Answer>, afterMs = 0): Promise<Answer> {
    const { silentMs = 2_000 } = this.#options;
    return inTime(afterMs + silentMs, answer, () => new Error(`no answer within ${afterMs + silentMs} ms`));
  }

  #keyOf(stream: number): string {
    return this.#options.streams[stream] as string;
  }
}
