/** Groups writes into Saves, and finds what each cost. Pure. */
import { POLICIES } from "@restart-coordinator/debounce";
import type { CycleFact, Facts, WriteFact } from "./facts.ts";

/**
 * A burst of one workspace's writes: each within the debounce window of the one before, and of the same source (another
 * one in between may be due sooner). What has no window is no Save.
 */
export interface Save {
  readonly workspace: string;
  readonly writes: readonly WriteFact[];
  /** What it cost: the cycles that cover one of its writes, and those that cover none and began while it was the latest. */
  readonly cycles: readonly CycleFact[];
}

/** What a Save is, is the same under every profile. */
const { sources } = POLICIES.default;

export function savesOf(
  { writes, cycles, speed }: Pick<Facts, "writes" | "cycles" | "speed">,
  coveredBy: ReadonlyMap<number, CycleFact>,
  askedByPerson: ReadonlySet<string>,
): Save[] {
  const bursts: WriteFact[][] = [];
  for (const write of writes) {
    if (write.isProbe || write.ackedAt === undefined || sources[write.source]?.windowMs === 0) continue;
    const burst = bursts.findLast(([first]) => first?.workspace === write.workspace);
    if (burst !== undefined && belongs(write, burst, speed)) burst.push(write);
    else bursts.push([write]);
  }
  const covering = new Set([...coveredBy.values()].map(({ id }) => id));
  return bursts.map((burst) => {
    const first = burst[0] as WriteFact;
    const { workspace } = first;
    const next = bursts.find((other) => other[0]?.workspace === workspace && (other[0]?.number ?? 0) > first.number);
    const until = next?.[0]?.sentAt ?? Number.POSITIVE_INFINITY;
    const own = new Set(burst.map(({ number }) => coveredBy.get(number)?.id));
    const cost = cycles.filter(
      ({ id, workspace: of, startedAt }) =>
        (!askedByPerson.has(id) && own.has(id)) ||
        (of === workspace && !covering.has(id) && startedAt >= first.sentAt && startedAt < until),
    );
    return { workspace, writes: burst, cycles: cost };
  });
}

/** Counted from the sending of one to the acknowledgement of the next: so far apart at most did the replicas see them. */
function belongs(write: WriteFact, burst: readonly WriteFact[], speed: number): boolean {
  const { windowMs = 0, maxWaitMs = 0 } = sources[write.source] ?? {};
  const [first, last] = [burst[0] as WriteFact, burst.at(-1) as WriteFact];
  const ackedAt = write.ackedAt ?? Number.POSITIVE_INFINITY;
  if (write.source !== last.source) return false;
  return ackedAt - last.sentAt < windowMs / speed && ackedAt - first.sentAt < maxWaitMs / speed;
}
