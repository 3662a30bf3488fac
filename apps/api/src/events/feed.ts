/**
 * The events of all shards and of the fleet, read once per process and handed to everyone who listens: ten thousand readers cost one
 * blocking connection, and nobody listening costs none.
 */
import { setMaxListeners } from "node:events";
import { CoordinatorUnavailableError, isBefore } from "@restart-coordinator/debounce";
import { blockingConnection } from "@restart-coordinator/service";
import { Cluster, type Redis } from "ioredis";
import type { Logger } from "pino";
import { type Position, parseEntry, type RawEntry, type StreamedEvent } from "./position.ts";

export interface FeedOptions {
  /** For history; the blocking readers get connections of their own. */
  readonly redis: Redis | Cluster;
  /** The streams' keys: every shard's, by its number, then the fleet's. */
  readonly streams: readonly string[];
  readonly logger: Logger;
}

export type Listener = (event: StreamedEvent) => void;

const BLOCK_MS = 5_000;
const PER_READ = 500;
const AFTER_FAILURE_MS = 500;
/** The readers themselves wait for Redis to come back; who asks for them is answered. */
const ANSWER_WITHIN_MS = 900;

export class EventFeed {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<Listener>();
  readonly #stopping = new AbortController();
  #readers: StreamReader[] = [];

  constructor(options: FeedOptions) {
    this.#options = options;
    // Every open stream listens: any number of them is fine.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** Fires when the process stops: streams end, and their readers resume elsewhere. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Every event from now on, until the returned function is called. Resolves once none can be missed any more.
   * @throws CoordinatorUnavailableError when Redis does not answer in time
   */
  async listen(listener: Listener): Promise<() => void> {
    const close = (): void => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stopReading();
    };
    this.#listeners.add(listener);
    if (this.#readers.length === 0 && !this.stopping.aborted) this.#startReading();
    try {
      await inTime(Promise.all(this.#readers.map((reader) => reader.reading)));
    } catch (error) {
      close();
      throw new CoordinatorUnavailableError(error);
    }
    return close;
  }

  /** The number of shards, and of the fleet's stream after theirs. */
  get shards(): number {
    return this.#options.streams.length - 1;
  }

  /** The last entry of every stream now. */
  async end(): Promise<Position> {
    const last = await this.#eachShard((key, redis) => redis.xrevrange(key, "+", "-", "COUNT", 1));
    return last.map((entries) => entries[0]?.[0] ?? "0-0");
  }

  /** What a shard's stream still holds after an entry, in its order, at most `count`. */
  async after(shard: number, id: string, count: number): Promise<StreamedEvent[]> {
    const key = this.#options.streams[shard] as string;
    const entries = await this.#ask((redis) => redis.xrange(key, `(${id}`, "+", "COUNT", count));
    return entries.map((entry) => parseEntry(shard, entry));
  }

  /** Whether entries after the position may have been trimmed already, by shard. */
  async gaps(position: Position): Promise<boolean[]> {
    const first = await this.#eachShard((key, redis) => redis.xrange(key, "-", "+", "COUNT", 1));
    return first.map((entries, shard) => {
      const asked = position[shard] ?? "0-0";
      const oldest = entries[0]?.[0];
      return asked !== "0-0" && oldest !== undefined && isBefore(asked, oldest);
    });
  }

  stop(): void {
    this.#stopping.abort();
    this.#stopReading();
    this.#listeners.clear();
  }

  #startReading(): void {
    const { redis, streams } = this.#options;
    const shards = [...streams.keys()];
    // One connection blocks for all streams of a server; on a Cluster each of them may live on another node.
    const groups = redis instanceof Cluster ? shards.map((shard) => [shard]) : [shards];
    const publish = (event: StreamedEvent) => {
      for (const listener of this.#listeners) listener(event);
    };
    this.#readers = groups.map((group) => new StreamReader(this.#options, group, publish));
  }

  #stopReading(): void {
    for (const reader of this.#readers) reader.stop();
    this.#readers = [];
  }

  #eachShard(read: (key: string, redis: Redis | Cluster) => Promise<RawEntry[]>): Promise<RawEntry[][]> {
    return Promise.all(this.#options.streams.map((key) => this.#ask((redis) => read(key, redis))));
  }

  async #ask<Result>(command: (redis: Redis | Cluster) => Promise<Result>): Promise<Result> {
    try {
      return await command(this.#options.redis);
    } catch (error) {
      throw new CoordinatorUnavailableError(error);
    }
  }
}

/** Blocks on some shards' streams and publishes what comes. */
class StreamReader {
  /** Resolves once it knows where it reads from. */
  readonly reading: Promise<void>;
  readonly #options: FeedOptions;
  readonly #shards: readonly number[];
  readonly #publish: Listener;
  readonly #connection: Redis | Cluster;
  readonly #last = new Map<string, string>();
  #stopped = false;

  constructor(options: FeedOptions, shards: readonly number[], publish: Listener) {
    this.#options = options;
    this.#shards = shards;
    this.#publish = publish;
    this.#connection = blockingConnection(options.redis);
    // The process' own connection reports that Redis is away.
    this.#connection.on("error", () => {});
    this.reading = this.#locate();
    void this.#read();
  }

  stop(): void {
    this.#stopped = true;
    this.#connection.disconnect();
  }

  async #locate(): Promise<void> {
    for (const shard of this.#shards) {
      const key = this.#options.streams[shard] as string;
      const [last] = await this.#connection.xrevrange(key, "+", "-", "COUNT", 1);
      this.#last.set(key, last?.[0] ?? "0-0");
    }
  }

  async #read(): Promise<void> {
    await this.reading.catch(() => {});
    while (!this.#stopped) {
      try {
        const keys = [...this.#last.keys()];
        const ids = [...this.#last.values()];
        const streams = await this.#connection.xread("COUNT", PER_READ, "BLOCK", BLOCK_MS, "STREAMS", ...keys, ...ids);
        for (const [key, entries] of streams ?? []) {
          const shard = this.#shards[keys.indexOf(key)] as number;
          for (const entry of entries) {
            this.#last.set(key, entry[0]);
            this.#publish(parseEntry(shard, entry));
          }
        }
      } catch (error) {
        if (this.#stopped) return;
        this.#options.logger.debug({ err: { message: (error as Error).message } }, "the event feed reads again");
        await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
      }
    }
  }
}

async function inTime(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
