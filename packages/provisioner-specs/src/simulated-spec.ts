import { z } from "zod";
import { type Checked, problemsOf } from "./checked.ts";

const rate = z.number().min(0).max(1);
const duration = z.number().min(0).max(86_400_000);

const settingsSchema = z
  .strictObject({
    /** How long a restart takes, in ms; a pair draws evenly between the two. */
    durationMs: z
      .union([duration, z.tuple([duration, duration])], "expected milliseconds, or a pair of them")
      .default(1_000),
    /** The share of attempts that end in a retryable error, after their duration. */
    failRate: rate.default(0),
    /** The share that end in a permanent error, after their duration. */
    permanentRate: rate.default(0),
    /** The share of pre-flights that say no. */
    declineRate: rate.default(0),
    /** The share that never end, until aborted. */
    hangRate: rate.default(0),
    /** Makes the draws of each workspace the same in every run; they are random without it. */
    seed: z.int().optional(),
  })
  .refine(({ durationMs }) => typeof durationMs === "number" || durationMs[0] <= durationMs[1], {
    path: ["durationMs"],
    message: "the first must not be above the second",
  })
  .refine(({ failRate, permanentRate, hangRate }) => failRate + permanentRate + hangRate <= 1, {
    path: ["failRate"],
    message: "failRate, permanentRate and hangRate must not add up to more than 1",
  });

/** How a workspace's restarts are simulated, every field given that has a default. */
export type SimulatedSettings = z.output<typeof settingsSchema>;

/** A workspace's spec may override every one of these. */
export type SimulatedSpec = z.input<typeof settingsSchema>;

/** Lays a workspace's spec over the defaults and checks the whole. */
export function checkSimulatedSpec(
  spec: Readonly<Record<string, unknown>>,
  defaults: SimulatedSpec,
  of = "spec",
): Checked<SimulatedSettings> {
  const result = settingsSchema.safeParse({ ...defaults, ...spec });
  return result.success ? { ok: true, spec: result.data } : { ok: false, problems: problemsOf(of, result.error) };
}
