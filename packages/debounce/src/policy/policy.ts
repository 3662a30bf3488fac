/**
 * How each source of triggers is treated. The fields are named as lodash's debounce names them. `judge.ts` says what
 * they mean, exactly; `lua/trigger.lua` does the same in Redis, and a test holds the two against each other.
 */
export interface SourcePolicy {
  /** The debounce window, milliseconds; 0 = none. A claimed window is never extended by later triggers. */
  readonly windowMs: number;
  /** The trigger that claims the window on an idle workspace fires at once. */
  readonly leading: boolean;
  /** The others are owed a follow-up, `windowMs` after the last of them. */
  readonly trailing: boolean;
  /** … but no later than this after the first uncovered one of the source, milliseconds. Only with `trailing`. */
  readonly maxWaitMs: number;
  /** Inside the cooldown: wait for its end, be dropped, or ignore it. */
  readonly cooldown: "defer" | "drop" | "ignore";
  /** While a cycle runs: be covered by a follow-up cycle, or be dropped. */
  readonly running: "follow-up" | "drop";
  /**
   * Fires without a person or a change behind it (probes, start-up). Such a trigger cannot bring back a workspace whose
   * restarts failed until the breaker opened, and may be in a loop with them.
   */
  readonly automatic: boolean;
}

export interface Policy {
  /** After a cycle's start no new one starts for this long, unless a person asked. The workspace's, not the source's. */
  readonly cooldownMs: number;
  readonly sources: Readonly<Record<string, SourcePolicy>>;
  readonly retry: RetryPolicy;
  /** When restarts that bring about the next one are a loop. Default: `LOOP`. */
  readonly loop?: LoopPolicy;
  /** What the restarts of a day may cost. Default: as much as they like. */
  readonly budget?: BudgetPolicy;
  /** Default: none. */
  readonly quietHours?: QuietHours;
  /** What is made of a workspace that was seen not to run. Default: `OBSERVE`. */
  readonly observe?: ObservePolicy;
}

/** What is made of a workspace that should run and was seen not to. */
export interface ObservePolicy {
  /** It is down once so many looks in a row, a second apart, have seen it so: 1 to 20. */
  readonly downAfter: number;
  /** Ask for a restart (source `liveness-offline`), or only say so. */
  readonly action: "restart" | "report";
}

/**
 * An automatic source that fires with the same reason shortly after each of the last restarts, with nothing but automatic
 * triggers behind those in between, is caused by them.
 */
export interface LoopPolicy {
  /** After so many restarts it is a loop: 2 to 20; 0 = never. */
  readonly cycles: number;
  /** How long after a restart, its cooldown included, a trigger still follows it, milliseconds. */
  readonly withinMs: number;
}

/** Per rolling 24 hours. Beyond it automatic restarts wait; people may still restart. 0 = no limit. */
export interface BudgetPolicy {
  /** Restarts, those of people included. */
  readonly cycles: number;
  /** From the begin of each restart to its end, in all, milliseconds. */
  readonly downtimeMs: number;
}

export const LOOP: LoopPolicy = { cycles: 3, withinMs: 60_000 };
export const NO_BUDGET: BudgetPolicy = { cycles: 0, downtimeMs: 0 };
export const OBSERVE: ObservePolicy = { downAfter: 2, action: "restart" };

/** Times in which only chosen sources may restart. A source that ignores the cooldown, a person's, always may. */
export interface QuietHours {
  /** In order, apart from each other; those that matter about now, and for as long ahead as something may be owed. */
  readonly intervals: readonly QuietInterval[];
  /** The sources that may restart all the same. */
  readonly except: readonly string[];
}
/** Half-open, ms since the epoch. */
export type QuietInterval = readonly [startMs: number, endMs: number];

/** What happens to a cycle that failed. */
export interface RetryPolicy {
  /** Wait before the first retry, milliseconds; doubled for each further one. */
  readonly backoffMs: number;
  /** The longest such wait, milliseconds. */
  readonly maxBackoffMs: number;
  /** After this many failures in a row the breaker opens: no further automatic retry. */
  readonly breakerAfter: number;
}

export const PROFILES = ["default", "seed", "settle"] as const;
export type Profile = (typeof PROFILES)[number];

const LEADING_AND_TRAILING: SourcePolicy = {
  windowMs: 15_000,
  leading: true,
  trailing: true,
  maxWaitMs: 120_000,
  cooldown: "defer",
  running: "follow-up",
  automatic: false,
};
const BATCH: SourcePolicy = { ...LEADING_AND_TRAILING, windowMs: 2_000, leading: false, maxWaitMs: 15_000 };
const AT_ONCE: SourcePolicy = { ...LEADING_AND_TRAILING, windowMs: 0, trailing: false, maxWaitMs: 0 };
const PROBE: SourcePolicy = { ...AT_ONCE, cooldown: "drop", running: "drop", automatic: true };

const DEFAULT_SOURCES = {
  "file-write": LEADING_AND_TRAILING,
  "template-import": LEADING_AND_TRAILING,
  "secret-change": BATCH,
  "plugin-change": BATCH,
  "spec-change": BATCH,
  "a2a-preflight": PROBE,
  "liveness-offline": PROBE,
  startup: { ...AT_ONCE, cooldown: "drop", automatic: true },
  manual: { ...AT_ONCE, cooldown: "ignore" },
} as const satisfies Record<string, SourcePolicy>;

/** The sources every profile knows. A policy file may add its own. */
export type BuiltInSource = keyof typeof DEFAULT_SOURCES;
export const BUILT_IN_SOURCES = Object.keys(DEFAULT_SOURCES) as readonly BuiltInSource[];

const LEADING_ONLY = { trailing: false, maxWaitMs: 0, cooldown: "drop" } as const;
const SEED_FILES: SourcePolicy = { ...LEADING_AND_TRAILING, ...LEADING_ONLY };
const SEED_CHANGES: SourcePolicy = { ...SEED_FILES, windowMs: 0 };
const SETTLE_FILES: SourcePolicy = { ...LEADING_AND_TRAILING, leading: false };

const COMMON = {
  cooldownMs: 60_000,
  retry: { backoffMs: 5_000, maxBackoffMs: 300_000, breakerAfter: 5 },
  loop: LOOP,
  budget: NO_BUDGET,
  observe: OBSERVE,
} as const;

/** The profiles: `default`, `seed` (exactly the single-process fix this began with), `settle` (one cycle, after the burst). */
export const POLICIES: Readonly<Record<Profile, Policy>> = {
  default: { ...COMMON, sources: DEFAULT_SOURCES },
  seed: {
    ...COMMON,
    sources: {
      ...DEFAULT_SOURCES,
      "file-write": SEED_FILES,
      "template-import": SEED_FILES,
      "secret-change": SEED_CHANGES,
      "plugin-change": SEED_CHANGES,
      "spec-change": SEED_CHANGES,
    },
  },
  settle: { ...COMMON, sources: { ...DEFAULT_SOURCES, "file-write": SETTLE_FILES, "template-import": SETTLE_FILES } },
};
