/**
 * The events of all shards and of the fleet are read once per process and handed to everyone who listens: ten thousand
 * readers cost one blocking connection, and nobody listening costs none.
 */
import { setMaxListeners } from "node:events";
import { CoordinatorUnavailableError, isBefore } from "@restart-coordinator/debounce";
import { BackgroundService, inTime, type StreamEntry, StreamFollower } from "@restart-coordinator/service";
import type { Cluster, Redis } from "ioredis";
import type { Logger } from "pino";
import { type Position, parseEntry, type StreamedEvent } from "./position.ts";

export interface FeedOptions {
  /** For history; what follows the streams gets connections of its own. */
  readonly redis: Redis | Cluster;
  /** The streams' keys: every shard's, by its number, then the fleet's. */
  readonly streams: readonly string[];
  readonly logger: Logger;
}

export type Gap = "trimmed" | "ahead";
export type Listener = (event: StreamedEvent) => void;

/** The follower itself waits for Redis to come back; who asks for it is answered. */
const ANSWER_WITHIN_MS = 900;

/** The event feed is one per process. When `stopping` fires, streams end, and their readers resume elsewhere. */
export class EventFeed extends BackgroundService {
  readonly #options: FeedOptions;
  readonly #listeners = new Set<Listener>();
  /** Those that end are waited for at the stop. */
  readonly #ending = new Set<Promise<void>>();
  #follower: StreamFollower | undefined;

  constructor(options: FeedOptions) {
    super("the event feed");
    this.#options = options;
    // Every open stream listens: any number of them is fine.
    setMaxListeners(0, this.stopping);
  }

  /**
   * Tells every event from now on, until the returned function is called. Resolves once none can be missed any more.
   * @throws CoordinatorUnavailableError when Redis does not answer in time
   */
  async listen(listener: Listener): Promise<() => void> {
    const close = (): void => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#unfollow();
    };
    this.#listeners.add(listener);
    if (!this.stopping.aborted) this.#follower ??= this.#newFollower();
    try {
      const late = () => new Error(`no answer within ${ANSWER_WITHIN_MS} ms`);
      await inTime(ANSWER_WITHIN_MS, this.#follower?.start() ?? Promise.resolve(), late);
    } catch (error) {
      close();
      throw new CoordinatorUnavailableError(error);
    }
    return close;
  }

  /** Tells the number of shards, which is also that of the fleet's stream after theirs. */
  get shards(): number {
    return this.#options.streams.length - 1;
  }

  /** Finds the last entry of every stream now. @throws CoordinatorUnavailableError */
  async end(): Promise<Position> {
    const last = await this.#eachShard((key, redis) => redis.xrevrange(key, "+", "-", "COUNT", 1));
    return last.map((entries) => entries[0]?.[0] ?? "0-0");
  }

  /** Reads what a shard's stream still holds after an entry, at most `count`. @throws CoordinatorUnavailableError */
  async after(shard: number, id: string, count: number): Promise<StreamedEvent[]> {
    const key = this.#options.streams[shard] as string;
    const entries = await this.#ask((redis) => redis.xrange(key, `(${id}`, "+", "COUNT", count));
    return entries.map((entry) => parseEntry(shard, entry));
  }

  /**
   * Tells of each stream why something after the position may be lost: it was trimmed, or the position lies ahead of the
   * stream, which then is another one than the reader knew. Undefined where nothing is. @throws CoordinatorUnavailableError
   */
  async gaps(position: Position, end: Position): Promise<(Gap | undefined)[]> {
    const lost = await Promise.all(this.#options.streams.map((key) => this.#hasLostEntries(key)));
    const first = await this.#eachShard((key, redis) => redis.xrange(key, "-", "+", "COUNT", 1));
    return this.#options.streams.map((_, shard) => {
      const asked = position[shard] ?? "0-0";
      if (isBefore(end[shard] ?? "0-0", asked)) return "ahead";
      const oldest = first[shard]?.[0]?.[0];
      const isOlder = oldest !== undefined && isBefore(asked, oldest);
      return isOlder && (asked !== "0-0" || lost[shard]) ? "trimmed" : undefined;
    });
  }

  protected override async down(): Promise<void> {
    this.#listeners.clear();
    this.#unfollow();
    await Promise.all(this.#ending);
  }

  #newFollower(): StreamFollower {
    const publish = (stream: string, entry: StreamEntry): void => {
      const event = parseEntry(this.#options.streams.indexOf(stream), entry);
      for (const listener of this.#listeners) listener(event);
    };
    return new StreamFollower({ ...this.#options, name: "the event feed", onEntry: publish });
  }

  #unfollow(): void {
    const follower = this.#follower;
    this.#follower = undefined;
    if (follower === undefined) return;
    const ended: Promise<void> = follower
      .stop()
      .catch((error: Error) => this.#options.logger.warn(error.message))
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  /** Whether anything was trimmed, ever. */
  async #hasLostEntries(key: string): Promise<boolean> {
    const flat = (await this.#ask((redis) => redis.xinfo("STREAM", key).catch(noStream))) as readonly unknown[];
    const numberOf = (field: string) => Number(flat[flat.indexOf(field) + 1] ?? 0);
    return flat.length > 0 && numberOf("entries-added") > numberOf("length");
  }

  #eachShard(read: (key: string, redis: Redis | Cluster) => Promise<StreamEntry[]>): Promise<StreamEntry[][]> {
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

/** A stream begins with its first event. */
function noStream(error: Error): unknown[] {
  if (/no such key/.test(error.message)) return [];
  throw error;
}
