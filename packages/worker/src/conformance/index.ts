/** The conformance kit: what a provisioner must do and must never do, as tests for vitest. */
import { describe, test } from "vitest";
import { DEMANDS } from "./demands.ts";
import type { Judge, MakeIt } from "./judge.ts";

export { DEMANDS, type Demand } from "./demands.ts";
export type { Judge, MakeIt } from "./judge.ts";

/** A demand restarts a workspace dozens of times. */
const TIMEOUT_MS = 120_000;

/**
 * Declares a test for each demand: the provisioner is killed at every journal entry, loses its lease there, is told to
 * stop, wakes too late, and is given nonsense; the judge says what runs afterwards. Call it at the top of a test file, or
 * within a `describe`.
 */
export function testProvisioner(makeIt: MakeIt, judge: Judge): void {
  describe("a provisioner", () => {
    test.each(Object.entries(DEMANDS))("%s", { timeout: TIMEOUT_MS }, (_, demand) => demand(makeIt, judge));
  });
}
