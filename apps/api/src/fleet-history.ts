/**
 * What happened in the fleet over the last hours, counted from the streams of events. A replica reads each event once,
 * when somebody asks; it forgets nothing that matters, for what it counts can be read again.
 */
import type { RestartEvent } from "@restart-coordinator/debounce";
import type { EventFeed } from "./events/feed.ts";

const BUCKET_MS = 300_000;
const PAGE = 1_000;
const NOISIEST = 10;

/** What happened in five minutes. */
interface Bucket {
  restarts: number;
  failures: number;
  /** Triggers that cost no restart of their own. */
  suppressed: number;
  readonly triggersBySource: Map<string, number>;
  readonly triggersByWorkspace: Map<string, number>;
  readonly restartsByWorkspace: Map<string, number>;
}

interface Counted {
  readonly source?: string;
  readonly count?: number;
}

export class FleetHistory {
  readonly #feed: EventFeed;
  readonly #hours: number;
  readonly #buckets = new Map<number, Bucket>();
  readonly #position = new Map<number, string>();
  #reading: Promise<void> | undefined;

  constructor(feed: EventFeed, hours = 6) {
    this.#feed = feed;
    this.#hours = hours;
  }

  /** `now` by Redis' clock, ms. @throws CoordinatorUnavailableError */
  async upTo(now: number) {
    const from = Math.ceil((now - this.#hours * 3_600_000) / BUCKET_MS) * BUCKET_MS;
    for (const at of this.#buckets.keys()) if (at < from) this.#buckets.delete(at);
    // Who asks while it is being read waits for the same.
    this.#reading ??= this.#read(from).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    const length = Math.floor((now - from) / BUCKET_MS) + 1;
    const all = Array.from({ length }, (_, i) => ({ at: from + i * BUCKET_MS, ...this.#at(from + i * BUCKET_MS) }));
    return {
      from,
      bucketMs: BUCKET_MS,
      buckets: all.map(({ at, restarts, failures, suppressed }) => ({ at, restarts, failures, suppressed })),
      sources: noisiest(all.map(({ triggersBySource }) => triggersBySource)),
      workspaces: noisiest(all.map(({ triggersByWorkspace }) => triggersByWorkspace)).map(({ name, count }) => ({
        ...{ name, count },
        restarts: all.reduce((sum, { restartsByWorkspace }) => sum + (restartsByWorkspace.get(name) ?? 0), 0),
      })),
    };
  }

  async #read(from: number): Promise<void> {
    for (let shard = 0; shard < this.#feed.shards; shard += 1) {
      for (;;) {
        const events = await this.#feed.after(shard, this.#position.get(shard) ?? `${from}-0`, PAGE);
        for (const { id, event } of events) {
          this.#position.set(shard, id);
          if (event.timestamp >= from) this.#count(event);
        }
        if (events.length < PAGE) break;
      }
    }
  }

  #count({ event, workspace_id: workspace, timestamp, payload }: RestartEvent): void {
    const bucket = this.#bucket(Math.floor(timestamp / BUCKET_MS) * BUCKET_MS);
    const { covers = [], dropped = [] } = payload as { covers?: readonly Counted[]; dropped?: readonly Counted[] };
    const isStart = event === "WORKSPACE_AUTO_RESTART_FIRED";
    // What a cycle covers is told at its start and at its end again.
    const triggers = [...(isStart ? covers : []), ...dropped];
    for (const { source = "", count = 0 } of triggers) {
      add(bucket.triggersBySource, source, count);
      add(bucket.triggersByWorkspace, workspace, count);
    }
    const total = triggers.reduce((sum, { count = 0 }) => sum + count, 0);
    bucket.suppressed += Math.max(0, total - (isStart ? 1 : 0));
    if (event === "WORKSPACE_RESTART_FAILED") bucket.failures += 1;
    if (!isStart) return;
    bucket.restarts += 1;
    add(bucket.restartsByWorkspace, workspace, 1);
  }

  #bucket(at: number): Bucket {
    const bucket = this.#at(at);
    this.#buckets.set(at, bucket);
    return bucket;
  }

  #at(at: number): Bucket {
    const fresh = { triggersBySource: new Map(), triggersByWorkspace: new Map(), restartsByWorkspace: new Map() };
    return this.#buckets.get(at) ?? { restarts: 0, failures: 0, suppressed: 0, ...fresh };
  }
}

function noisiest(counts: readonly Map<string, number>[]): { name: string; count: number }[] {
  const sums = new Map<string, number>();
  for (const map of counts) for (const [name, count] of map) add(sums, name, count);
  const all = [...sums].map(([name, count]) => ({ name, count }));
  return all.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, NOISIEST);
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
