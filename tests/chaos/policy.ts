/** The default profile, in a hurry: the same rules, with times that fit many cycles into a minute. */
import { POLICIES } from "@restart-coordinator/debounce";
import type { Rules } from "../judge/evidence.ts";

const WRITES = { windowMs: 300, maxWaitMs: 2_000 };
const CHANGES = { windowMs: 200, maxWaitMs: 1_200 };

/** The content of the policy file. */
export const POLICY = {
  profile: "default",
  cooldownMs: 1_500,
  // What is killed again and again is not to be given up.
  loop: { cycles: 20 },
  retry: { backoffMs: 150, maxBackoffMs: 1_200, breakerAfter: 6 },
  sources: {
    "file-write": WRITES,
    "template-import": WRITES,
    "secret-change": CHANGES,
    "plugin-change": CHANGES,
  },
} as const;

export const LEASE_MS = 1_200;
export const SWEEP_MS = 200;
export const OBSERVE_MS = 500;
/** Simulated cycles that hang are given up after this. */
export const DEADLINE_MS = 4_000;

/** The longest that a request nobody answered can wait in a frozen replica, and for a Redis that is away. */
const LATE_MS = 30_000;

export function rules(): Rules {
  const sources = Object.fromEntries(
    Object.entries(POLICIES.default.sources).map(([name, source]) => [
      name,
      { ...source, ...(POLICY.sources as Record<string, object>)[name] },
    ]),
  );
  return { cooldownMs: POLICY.cooldownMs, leaseMs: LEASE_MS, observeMs: OBSERVE_MS, sources, lateMs: LATE_MS };
}
