/** Replays recorded triggers against a machine in virtual time, with cycles of a fixed length. */
import { readFileSync } from "node:fs";
import type { Verdict } from "../../src/transition-types.ts";
import type { Machine } from "./machine.ts";

export interface Trigger {
  readonly atMs: number;
  readonly source: string;
}

export interface Replayed {
  /** Starts of the cycles, ms. */
  readonly cycles: readonly number[];
  readonly verdicts: readonly (Trigger & Verdict)[];
  /** Writes (all but the two probes) at or after which no cycle starts. */
  readonly uncovered: number;
  /** Writes strictly between a cycle's start and its end. */
  readonly duringCycle: number;
}

const PROBES = new Set(["a2a-preflight", "liveness-offline"]);

export async function replay(machine: Machine, triggers: readonly Trigger[], cycleMs: number): Promise<Replayed> {
  const cycles: number[] = [];
  const verdicts: (Trigger & Verdict)[] = [];
  let endsAt: number | undefined;

  /** At equal times a cycle's end comes first, then the start of a due one. */
  const advanceTo = async (time: number): Promise<void> => {
    for (;;) {
      if (endsAt !== undefined) {
        if (endsAt > time) return;
        await machine.end(endsAt);
        const endedAt = endsAt;
        endsAt = undefined;
        await startIfDue(endedAt);
        continue;
      }
      const wakeAt = await machine.wakeAt();
      if (wakeAt === undefined || wakeAt > time || !(await startIfDue(wakeAt))) return;
    }
  };
  const startIfDue = async (now: number): Promise<boolean> => {
    if (!(await machine.begin(now))) return false;
    cycles.push(now);
    endsAt = now + cycleMs;
    return true;
  };

  for (const trigger of triggers) {
    await advanceTo(trigger.atMs);
    const { decision, rule } = await machine.trigger(trigger.source, trigger.atMs);
    verdicts.push({ ...trigger, decision, rule });
    if (endsAt === undefined) await startIfDue(trigger.atMs);
  }
  await advanceTo(Number.MAX_SAFE_INTEGER / 4096);

  const writes = triggers.filter(({ source }) => !PROBES.has(source));
  return {
    cycles,
    verdicts,
    uncovered: writes.filter(({ atMs }) => !cycles.some((start) => start >= atMs)).length,
    duringCycle: writes.filter(({ atMs }) => cycles.some((start) => start < atMs && atMs < start + cycleMs)).length,
  };
}

export function readTrace(name: string): Trigger[] {
  const text = readFileSync(new URL(`../../../../traces/${name}.csv`, import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => /^\d/.test(line));
  return rows.map((row) => {
    const [atMs, , source] = row.split(",");
    return { atMs: Number(atMs), source: String(source) };
  });
}
