import assert from "node:assert/strict";
import type { Cycle, Journal, Workspace } from "../provisioner.ts";

/** What befalls an attempt at its journal entry number `entry`, counted from 1. */
export interface Fate {
  readonly entry: number;
  /**
   * `dies before`: the worker is dead before the entry is written. `dies after`: right after it. `loses`: another worker
   * has the lease, the entry is refused. `is told`: the signal fires while what the entry announces is being done.
   */
  readonly what: "dies before" | "dies after" | "loses" | "is told";
}

export interface AttemptParts {
  readonly workspace: Workspace;
  readonly id: string;
  readonly fencingToken: number;
  readonly action?: Cycle["action"];
  readonly attempt?: number;
  readonly journal?: Journal | undefined;
  readonly leftover?: Journal | undefined;
  readonly fate?: Fate;
}

const JOURNAL_BYTES = 16_384;
/** Whoever is told to stop settles sooner than this, ms. */
const SETTLES_WITHIN_MS = 10_000;

/** An attempt is a cycle as a provisioner sees it, without a coordinator, and with a fate. */
export class Attempt implements Cycle {
  readonly workspace: Workspace;
  readonly id: string;
  readonly fencingToken: number;
  readonly action: Cycle["action"];
  readonly attempt: number;
  readonly journal: Journal | undefined;
  readonly leftover: Journal | undefined;
  /** The last entry, as Redis has it. */
  written: Journal | undefined;
  /** The fate has come. */
  isMet = false;
  readonly #fate: Fate | undefined;
  readonly #stop = new AbortController();
  #entries = 0;
  #thaw: (() => void) | undefined;
  #frozen: (() => void) | undefined;
  readonly #isFrozen = new Promise<void>((resolve) => {
    this.#frozen = resolve;
  });

  constructor({ workspace, id, fencingToken, action = "restart", attempt = 1, journal, leftover, fate }: AttemptParts) {
    this.workspace = workspace;
    this.id = id;
    this.fencingToken = fencingToken;
    this.action = action;
    this.attempt = attempt;
    this.journal = journal;
    this.leftover = leftover;
    this.written = journal;
    this.#fate = fate;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  step(): void {}

  safePoint(): void {}

  async record(entry: Journal): Promise<void> {
    this.signal.throwIfAborted();
    const kept = keptOf(entry);
    this.#entries += 1;
    const what = this.#fate?.entry === this.#entries ? this.#fate.what : undefined;
    if (what !== undefined) this.isMet = true;
    if (what === "loses") throw this.#lose();
    if (what !== "dies before") this.written = kept;
    if (what === "dies before" || what === "dies after") await this.#freeze();
    if (what === "is told") setImmediate(() => this.#stop.abort(new Error("the worker is going down")));
  }

  /**
   * Lets the provisioner work until it has settled or is dead. A dead one does nothing more: its promise stays open.
   * @throws what the provisioner threw; AssertionError when it does not settle though it was told to
   */
  async run<Result>(work: (cycle: Cycle) => Promise<Result>): Promise<Result | "dead"> {
    const settled = work(this);
    // What a dead one rejects with later is nobody's.
    settled.catch(() => {});
    return Promise.race([settled, this.#isFrozen.then(() => "dead" as const), this.#tooLate()]);
  }

  /** Wakes a worker that was only frozen: another one has the lease by now. */
  thaw(): void {
    this.#thaw?.();
  }

  #lose(): Error {
    const lost = new Error("the lease is lost: another worker acts");
    this.#stop.abort(lost);
    return lost;
  }

  #freeze(): Promise<void> {
    return new Promise((_, reject) => {
      this.#thaw = () => reject(this.#lose());
      this.#frozen?.();
    });
  }

  #tooLate(): Promise<never> {
    return new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => {
        const message = `expected it to settle within ${SETTLES_WITHIN_MS} ms of the signal`;
        setTimeout(() => reject(new assert.AssertionError({ message })), SETTLES_WITHIN_MS).unref();
      });
    });
  }
}

/** An entry as it comes back from Redis. */
function keptOf(entry: Journal): Journal {
  const json = JSON.stringify(entry);
  assert.equal(typeof entry.step, "string", "expected a journal entry to name its step");
  assert.ok(
    Buffer.byteLength(json) <= JOURNAL_BYTES,
    `expected the entry ${entry.step} to have ${JOURNAL_BYTES} bytes`,
  );
  return JSON.parse(json) as Journal;
}
