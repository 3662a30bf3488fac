import type { Ec2Api } from "../../../src/provisioners/ec2/api.ts";
import type { Cycle, Journal } from "../../../src/provisioners/provisioner.ts";

const MUTATING: ReadonlySet<string> = new Set<keyof Ec2Api>([
  "runInstances",
  "terminateInstances",
  "startInstance",
  "stopInstance",
  "rebootInstance",
  "createTags",
  "attachVolume",
  "detachVolume",
  "createReplaceRootVolumeTask",
]);

export class Died extends Error {
  constructor(readonly point: string) {
    super(`died ${point}`);
  }
}

/**
 * A worker that dies at its nth point: right before or right after a journal entry or a call that changes something. A
 * dead one reaches neither Redis nor EC2.
 */
export class Mortal {
  readonly #dead = new AbortController();
  readonly points: string[] = [];
  /** The call that it died right before, if it was one to EC2: a worker that is only paused makes it later. */
  late: (() => Promise<unknown>) | undefined;
  readonly #diesAt: number;
  readonly #onPoint: (point: string) => void;

  /** Counted from 0; Infinity: it lives. */
  constructor(diesAt = Number.POSITIVE_INFINITY, onPoint: (point: string) => void = () => {}) {
    this.#diesAt = diesAt;
    this.#onPoint = onPoint;
  }

  get signal(): AbortSignal {
    return this.#dead.signal;
  }

  api(api: Ec2Api): Ec2Api {
    return new Proxy(api, {
      get: (target, name) => {
        const value = target[name as keyof Ec2Api];
        if (typeof value !== "function") return value;
        const call = value.bind(target) as (...args: unknown[]) => Promise<unknown>;
        return (...args: unknown[]) => this.#around(String(name), MUTATING.has(String(name)), () => call(...args));
      },
    });
  }

  record(record: Cycle["record"]): Cycle["record"] {
    return (journal: Journal) => this.#around(`record ${journal.step}`, true, () => record(journal));
  }

  async #around<T>(what: string, isPoint: boolean, work: () => Promise<T>): Promise<T> {
    this.late = MUTATING.has(what) ? work : undefined;
    if (isPoint) this.#reach(`before ${what}`);
    this.signal.throwIfAborted();
    this.late = undefined;
    const result = await work();
    if (isPoint) this.#reach(`after ${what}`);
    this.signal.throwIfAborted();
    return result;
  }

  #reach(point: string): void {
    this.signal.throwIfAborted();
    this.points.push(point);
    this.#onPoint(point);
    if (this.points.length <= this.#diesAt) return;
    const died = new Died(point);
    this.#dead.abort(died);
    throw died;
  }
}

/** What Redis keeps of one workspace, as the coordinator's scripts keep it. */
export class Core {
  #journal: Journal | undefined;
  #leftover: Journal | undefined;
  #cycle = "";
  #attempt = 0;
  #fence = 1;

  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** The next attempt: at the same cycle, or at a new one, which finds what the last one left. */
  begin(cycleId: string): Pick<Cycle, "id" | "attempt" | "fencingToken" | "journal" | "leftover" | "record"> {
    if (cycleId !== this.#cycle) {
      this.#leftover = this.#journal ?? this.#leftover;
      this.#journal = undefined;
      this.#cycle = cycleId;
      this.#attempt = 0;
    }
    return {
      id: cycleId,
      attempt: ++this.#attempt,
      fencingToken: ++this.#fence,
      journal: this.#journal,
      leftover: this.#leftover,
      record: async (journal) => {
        this.#journal = JSON.parse(JSON.stringify(journal));
        this.#leftover = undefined;
      },
    };
  }
}
