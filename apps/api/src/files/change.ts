import { setTimeout as pause } from "node:timers/promises";
import { FileError } from "./errors.ts";
import { quoted } from "./paths.ts";
import type { Staging } from "./staging.ts";

/** A write at a path, by the name of its staged file. */
export interface NotedWrite {
  readonly path: string;
  readonly write: string;
}

export interface OtherWrite extends NotedWrite {
  readonly ageMs: number;
}

/**
 * Where all replicas note which writes are in place, or may be at any moment, while nobody has recorded yet that they ask
 * for something.
 */
export interface WriteNotes {
  /** Notes them before they are put in place; `busy`: nothing was noted, the others are in the way. */
  announce(
    workspace: string,
    writes: readonly NotedWrite[],
    options: { readonly exclusive: boolean; readonly past: readonly string[] },
  ): Promise<{ readonly kind: "noted" | "busy"; readonly others: readonly OtherWrite[] }>;
  at(workspace: string, paths: readonly string[]): Promise<readonly OtherWrite[]>;
  settle(workspace: string, writes: readonly NotedWrite[]): Promise<void>;
}

/** For a store whose changes ask nobody for anything. */
export const NO_NOTES: WriteNotes = {
  announce: async () => ({ kind: "noted", others: [] }),
  at: async () => [],
  settle: async () => {},
};

/** A replica that has not put a staged file in place for so long, milliseconds, may not do so any more. */
const STALE_MS = 60_000;
const PATIENCE_MS = 5_000;
const PAUSE_MS = 10;

/**
 * One change to a workspace's files, from before its first file is put in place until what it asks for is recorded. It
 * closes this gap: a replica dies in between, and whoever repeats the request finds its bytes in place, as if nothing were
 * to be done. Notes are made before and taken away after, so that while there is a note, nobody takes the same bytes for
 * unchanged.
 *
 * A noted write is over, and covered by whatever is asked for from now on, once its file is not among the staged ones any
 * more. One that stands still for a minute is revoked: without its staged file it can put nothing in place.
 */
export class Change {
  readonly #workspace: string;
  readonly #notes: WriteNotes;
  readonly #staging: Staging;
  /** Only what would be done is asked: nothing is put in place, noted or settled. */
  readonly isDry: boolean;
  #own: NotedWrite[] = [];
  #past: NotedWrite[] = [];
  #isNews = false;

  constructor(workspace: string, notes: WriteNotes, staging: Staging, { isDry = false } = {}) {
    this.#workspace = workspace;
    this.#notes = notes;
    this.#staging = staging;
    this.isDry = isDry;
  }

  /** Nothing was changed, and all that is there has been asked for. */
  get isUnchanged(): boolean {
    return !this.#isNews;
  }

  /** Asked after the same bytes were found in place: is there anything of which nobody knows whether it was asked for? */
  async lookAt(paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    const others = await this.#notes.at(this.#workspace, paths);
    if (others.length > 0) this.#isNews = true;
    if (!this.isDry) await this.#sort(others);
  }

  /** Something would be changed. */
  foresee(): void {
    this.#isNews = true;
  }

  /**
   * Notes writes whose files are staged, or being staged. An exclusive one waits until nobody else is about to write there,
   * and makes others wait for it.
   * @throws FileError `busy`
   */
  async announce(writes: readonly NotedWrite[], { exclusive = false } = {}): Promise<void> {
    this.#isNews = true;
    const past: string[] = [];
    const givesUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      const { kind, others } = await this.#notes.announce(this.#workspace, writes, { exclusive, past });
      if (kind === "noted") {
        this.#own.push(...writes);
        await this.#sort(others);
        return;
      }
      const over = await this.#sort(others);
      past.push(...over.map(({ write }) => write));
      if (over.length === others.length) continue;
      if (performance.now() > givesUpAt) {
        const paths = others.map(({ path }) => quoted(path)).join(", ");
        throw new FileError("busy", `others are writing to ${paths}: repeat the request`);
      }
      await pause(PAUSE_MS);
    }
  }

  /** It came to nothing: none of its files was put in place. */
  async withdraw(): Promise<void> {
    const own = this.#own;
    this.#own = [];
    // A note that stays costs the next one who writes the same a restart that was not needed.
    await this.#notes.settle(this.#workspace, own).catch(() => {});
  }

  /** What it asks for is recorded. `isOwed`: it, or what is as good, will come about; else its bytes stay unasked for. */
  async settle({ isOwed }: { readonly isOwed: boolean }): Promise<void> {
    const settled = isOwed ? [...this.#past, ...this.#own] : this.#past;
    if (settled.length > 0 && this.#isNews) await this.#notes.settle(this.#workspace, settled).catch(() => {});
  }

  /** Of others' writes, those that can put nothing in place any more. */
  async #sort(others: readonly OtherWrite[]): Promise<OtherWrite[]> {
    const over: OtherWrite[] = [];
    for (const other of others) {
      if (other.ageMs > STALE_MS) await this.#staging.revoke(other.write);
      if (other.ageMs > STALE_MS || !(await this.#staging.has(other.write))) over.push(other);
    }
    this.#past.push(...over);
    return over;
  }
}
