/** What goes wrong, and when. */
import { LEASE_MS } from "./policy.ts";
import type { Random } from "./random.ts";

export const FAULTS = [
  "kill-workspace",
  "kill-worker",
  "freeze-worker",
  "stop-worker",
  "cut-off-worker",
  "late-effects",
  "kill-api",
  "freeze-api",
  "stop-api",
  "kill-redis",
  "freeze-redis",
  "disconnect-clients",
  "wipe-queue",
  "drop-hints",
  "duplicate-hints",
  "promote-hints",
  "retry-hints",
  "steal-hints",
] as const;
export type FaultKind = (typeof FAULTS)[number];

/** Comes more often in a longer run: it is what the leases are for. */
const OFTEN: readonly FaultKind[] = [
  "kill-workspace",
  "kill-worker",
  "freeze-worker",
  "cut-off-worker",
  "late-effects",
  "kill-api",
  "drop-hints",
];

export interface Fault {
  /** ms after the start. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Which of those it may hit, from 0 up to 1. */
  readonly target: number;
  /** How long it lasts, or how long a dead process stays away, ms. */
  readonly forMs: number;
}

const EVERY_MS = 1_100;

const LENGTHS: Readonly<Partial<Record<FaultKind, readonly [least: number, most: number]>>> = {
  "kill-worker": [100, 2_000],
  "stop-worker": [100, 1_000],
  "freeze-worker": [LEASE_MS + 200, LEASE_MS + 2_500],
  "cut-off-worker": [LEASE_MS + 200, LEASE_MS + 2_500],
  "late-effects": [LEASE_MS + 200, LEASE_MS + 2_500],
  "kill-api": [100, 2_000],
  "stop-api": [100, 1_000],
  "freeze-api": [300, 2_500],
  "kill-redis": [100, 1_500],
  "freeze-redis": [1_000, 3_000],
};

export function planFaults(random: Random, lengthMs: number): Fault[] {
  const faults: Fault[] = [];
  // Dealt like cards, so that even a short run has one of each.
  const deck: FaultKind[] = random.shuffled(FAULTS);
  const meanGap = Math.min(EVERY_MS, lengthMs / (FAULTS.length + 1));
  for (
    let at = meanGap;
    at < lengthMs || faults.length < FAULTS.length;
    at += random.between(meanGap / 4, 1.75 * meanGap)
  ) {
    if (deck.length === 0) deck.push(...random.shuffled([...FAULTS, ...OFTEN]));
    const kind = deck.pop() as FaultKind;
    const [least, most] = LENGTHS[kind] ?? [0, 0];
    faults.push({ at: Math.min(at, lengthMs), kind, target: random.next(), forMs: random.between(least, most) });
  }
  return faults;
}
