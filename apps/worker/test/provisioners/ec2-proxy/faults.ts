/** What the proxy shall do wrong, as a test orders it. */
import type { Query } from "./query.ts";

/** How EC2 behaves until told otherwise. Times in ms. All are 0, or undefined, at first: at once and nothing hidden. */
export interface Settings {
  /** A new instance is unknown for so many DescribeInstances … */
  hiddenDescribes: number;
  /** … and for so long. */
  hiddenMs: number;
  /** How long a launched or started instance stays "pending". */
  pendingMs: number;
  stoppingMs: number;
  shuttingDownMs: number;
  /** How long the status checks of an instance that runs say "initializing". */
  checksMs: number;
  replaceRootMs: number;
  /** How a replacement of the root volume ends. */
  replaceRootEnds: "succeeded" | "failed" | "failed-detached";
}

export type Fault =
  /** EC2 refuses: nothing was done. */
  | { readonly kind: "error"; readonly code: string; readonly message?: string; readonly status?: number }
  /** Done, but the connection breaks before the answer. */
  | { readonly kind: "lost-response" }
  /** The connection breaks before anything was done. */
  | { readonly kind: "lost-request" }
  /** Done, but no answer ever comes. */
  | { readonly kind: "hang" }
  /** Not done, and somebody else answers in EC2's place, as if it had been. */
  | { readonly kind: "impostor"; readonly body: string }
  /** Waits before anything is done. */
  | { readonly kind: "wait"; readonly until: Promise<unknown> };

interface Rule {
  /** Undefined: any. */
  readonly action: string | undefined;
  readonly matches: (query: Query) => boolean;
  readonly fault: Fault;
  left: number;
}

export interface Held {
  /** The call has arrived; nothing of it was done. */
  readonly arrived: Promise<Query>;
  release(): void;
}

const CALM: Settings = {
  hiddenDescribes: 0,
  hiddenMs: 0,
  pendingMs: 0,
  stoppingMs: 0,
  shuttingDownMs: 0,
  checksMs: 0,
  replaceRootMs: 0,
  replaceRootEnds: "succeeded",
};

export class Faults {
  readonly settings: Settings = { ...CALM };
  #rules: Rule[] = [];

  /** Changes how EC2 behaves from here on. */
  set(settings: Partial<Settings>): void {
    Object.assign(this.settings, settings);
  }

  /**
   * The next `count` calls of the action that match go wrong. Dry runs do not count, unless asked for with `matches`.
   * Rules of one action apply in the order given, one to a call.
   */
  next(action: string, fault: Fault, options: { count?: number; matches?: (query: Query) => boolean } = {}): void {
    const matches = options.matches ?? ((query: Query) => !query.dryRun);
    this.#rules.push({ action, fault, matches, left: options.count ?? 1 });
  }

  /** Shorthand for the next `count` calls to be refused with a code. */
  refuse(action: string, code: string, options: { count?: number; status?: number; message?: string } = {}): void {
    const { count, ...rest } = options;
    this.next(action, { kind: "error", code, ...rest }, count === undefined ? {} : { count });
  }

  /** Launches of this type, into this subnet, find no capacity (an HTTP 500, as from AWS) until `clear`. */
  noCapacity(where: { type?: string; subnetId?: string } = {}): void {
    this.next(
      "RunInstances",
      { kind: "error", code: "InsufficientInstanceCapacity", message: "We have not enough capacity", status: 500 },
      {
        count: Number.POSITIVE_INFINITY,
        matches: ({ params, dryRun }) =>
          !dryRun &&
          (where.type === undefined || params.get("InstanceType") === where.type) &&
          (where.subnetId === undefined || subnetOf(params) === where.subnetId),
      },
    );
  }

  /** `count` calls from the nth on, whatever they are and counted from 0, go wrong. */
  from(n: number, count: number, fault: Fault): void {
    let passed = 0;
    this.#rules.push({ action: undefined, fault, matches: () => passed++ >= n, left: count });
  }

  /** Stops the next call of the action at the door. */
  hold(action: string, matches: (query: Query) => boolean = (query) => !query.dryRun): Held {
    let release = () => {};
    let tellArrived: (query: Query) => void = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    const arrived = new Promise<Query>((resolve) => {
      tellArrived = resolve;
    });
    const matchesAndTells = (query: Query): boolean => {
      const does = matches(query);
      if (does) tellArrived(query);
      return does;
    };
    this.next(action, { kind: "wait", until }, { matches: matchesAndTells });
    return { arrived, release };
  }

  /** Everything works again. */
  clear(): void {
    this.#rules = [];
    Object.assign(this.settings, CALM);
  }

  take(query: Query): Fault | undefined {
    const concerns = (action: string | undefined) => action === undefined || action === query.action;
    const rule = this.#rules.find(({ action, left, matches }) => left > 0 && concerns(action) && matches(query));
    if (rule === undefined) return undefined;
    rule.left -= 1;
    this.#rules = this.#rules.filter(({ left }) => left > 0);
    return rule.fault;
  }
}

function subnetOf(params: URLSearchParams): string | null {
  return params.get("SubnetId") ?? params.get("NetworkInterface.1.SubnetId");
}
