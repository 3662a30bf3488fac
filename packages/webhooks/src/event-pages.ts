import { isBefore, parseEventEntry, type RestartEvent } from "@restart-coordinator/debounce";
import { recordOf } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";

/** An event, or the gap before one. */
export type Item =
  | { readonly kind: "event"; readonly event: RestartEvent }
  /** Older events were trimmed: what is left begins at `oldest`. */
  | { readonly kind: "gap"; readonly after: string; readonly oldest: RestartEvent };

const PAGE = 100;

/** Event pages are one stream of events from a webhook's place on, read a page at a time. */
export class EventPages {
  /** Its number among the streams. */
  readonly stream: number;
  readonly #redis: Redis | Cluster;
  readonly #key: string;
  #cursor: string;
  #page: Item[] = [];
  /** How many pages were read. */
  pages = 0;

  constructor(redis: Redis | Cluster, stream: number, key: string, cursor: string) {
    this.stream = stream;
    this.#redis = redis;
    this.#key = key;
    this.#cursor = cursor;
  }

  /** Reads what comes next; undefined when there is nothing yet. */
  async peek(): Promise<Item | undefined> {
    if (this.#page.length === 0) this.#page = await this.#read();
    return this.#page[0];
  }

  /** Tells where the webhook stands once what `peek` gave is done with. */
  get next(): string {
    const [item] = this.#page;
    if (item === undefined) return this.#cursor;
    return item.kind === "event" ? item.event.id : justBefore(item.oldest.id);
  }

  /** What comes after what `peek` gave, however far; none of it is done with by being looked at. */
  async *beyond(): AsyncGenerator<Item> {
    yield* this.#page.slice(1);
    let after = this.#page.at(-1);
    while (after !== undefined) {
      const from = after.kind === "event" ? after.event.id : justBefore(after.oldest.id);
      const entries = await this.#redis.xrange(this.#key, `(${from}`, "+", "COUNT", PAGE);
      const items = entries.map((entry): Item => ({ kind: "event", event: parseEventEntry(entry) }));
      yield* items;
      after = items.at(-1);
    }
  }

  /** Everything up to an event is done with. */
  skipTo(id: string): void {
    this.#cursor = id;
    this.#page = this.#page.filter((item) => item.kind === "event" && isBefore(id, item.event.id));
  }

  /** Is done with what `peek` gave. */
  drop(): void {
    this.#cursor = this.next;
    this.#page.shift();
  }

  async #read(): Promise<Item[]> {
    const entries = await this.#redis.xrange(this.#key, `(${this.#cursor}`, "+", "COUNT", PAGE);
    const events = entries.map(parseEventEntry);
    const [first] = events;
    if (first === undefined) return [];
    this.pages += 1;
    const items = events.map((event): Item => ({ kind: "event", event }));
    const after = this.#cursor;
    const isTold = after === justBefore(first.id);
    return !isTold && (await this.#isTrimmedBefore(first.id))
      ? [{ kind: "gap", after, oldest: first }, ...items]
      : items;
  }

  /**
   * Tells whether the stream begins right here and has lost entries: those between the cursor and here may be among
   * them.
   */
  async #isTrimmedBefore(id: string): Promise<boolean> {
    const info = recordOf<unknown>((await this.#redis.xinfo("STREAM", this.#key)) as unknown[]);
    const [oldest = id] = (info["first-entry"] as [string] | null) ?? [];
    return !isBefore(oldest, id) && Number(info["entries-added"] ?? 0) > Number(info.length);
  }
}

/** Finds the largest id below an entry's. */
export function justBefore(id: string): string {
  const [ms = "0", sequence = "0"] = id.split("-");
  return sequence === "0" ? `${BigInt(ms) - 1n}-18446744073709551615` : `${ms}-${BigInt(sequence) - 1n}`;
}
