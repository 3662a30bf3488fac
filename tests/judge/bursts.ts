/**
 * Few, too: a burst (one source, gaps shorter than its window, shorter in all than its maxWaitMs, no failures, no
 * person) costs at most 2 cycles. A burst counts only where nothing else can have started a cycle.
 */
import { isOwed } from "./covered.ts";
import { cyclesOf, startedAt } from "./cycles.ts";
import type { ClientRequest, LedgerEntry, Rules, WorkspaceRecord } from "./evidence.ts";
import { isByPerson, meets, type Span, spanOf } from "./persons.ts";
import type { Violation } from "./verdict.ts";

const MOST_CYCLES = 2;

export function judgeBursts(
  workspace: WorkspaceRecord,
  effects: readonly LedgerEntry[],
  requests: readonly ClientRequest[],
  killed: readonly Span[],
  rules: Rules,
): { violations: Violation[]; measured: number } {
  if (!workspace.reliable) return { violations: [], measured: 0 };
  const starts = cyclesOf(effects).filter(({ kind }) => kind === "restart");
  // What may take effect at an unknown time is in nobody's burst and spoils every burst it may fall into.
  const unclear = requests.filter((request) => isByPerson(request) || request.answer === undefined);
  const disturbances = [...unclear.map((request) => spanOf(request, rules)), ...killed];
  const violations: Violation[] = [];
  let measured = 0;
  for (const { burst, until } of burstsOf(requests, rules)) {
    const from = (burst[0] as ClientRequest).sentAt;
    if (disturbances.some((span) => meets(span, from - rules.cooldownMs, until))) continue;
    if (requests.some((request) => mayFallInto(burst, request))) continue;
    measured += 1;
    const costs = starts.filter((cycle) => {
      const start = startedAt(cycle) ?? cycle.begin.fencingToken;
      return start > from && start < until;
    });
    if (costs.length <= MOST_CYCLES) continue;
    violations.push({
      promise: "few",
      workspaceId: workspace.id,
      at: from,
      what: `a burst of ${burst.length} ${burst[0]?.source} triggers cost ${costs.length} cycles`,
      proof: [...burst, ...costs.map(({ begin }) => begin)],
    });
  }
  return { violations, measured };
}

/** Bursts of one source, each with the time at which the next trigger of any kind was sent. */
function burstsOf(requests: readonly ClientRequest[], rules: Rules): { burst: ClientRequest[]; until: number }[] {
  const triggers = requests
    .filter(({ verb, answer }) => verb === "trigger" && answer?.receipt !== undefined)
    .sort((a, b) => a.sentAt - b.sentAt);
  const found: { burst: ClientRequest[]; until: number }[] = [];
  let burst: ClientRequest[] = [];
  for (const trigger of triggers) {
    if (burst.length > 0 && !continues(burst, trigger, rules)) {
      found.push({ burst, until: trigger.sentAt });
      burst = [];
    }
    burst.push(trigger);
  }
  if (burst.length > 0) found.push({ burst, until: Number.POSITIVE_INFINITY });
  return found.filter(({ burst: { length } }) => length > 1);
}

/** Sent before the burst and perhaps recorded within it, by a replica that stood still: it may be owed a cycle of its own. */
function mayFallInto(burst: readonly ClientRequest[], request: ClientRequest): boolean {
  const from = (burst[0] as ClientRequest).sentAt;
  return isOwed(request) && !burst.includes(request) && request.sentAt <= from && recordedBy(request) >= from;
}

/**
 * By the longest the gap and the whole can have been: each was recorded between its sending and its answer, so they need
 * not have been recorded in the order in which they were sent.
 */
function continues(burst: readonly ClientRequest[], next: ClientRequest, rules: Rules): boolean {
  const first = burst[0] as ClientRequest;
  const last = burst.at(-1) as ClientRequest;
  const source = rules.sources[first.source ?? ""];
  if (source === undefined || next.source !== first.source || source.maxWaitMs === 0) return false;
  const longestGap = Math.max(recordedBy(last), recordedBy(next)) - last.sentAt;
  const longestWhole = Math.max(...[...burst, next].map(recordedBy)) - first.sentAt;
  return longestGap < source.windowMs && longestWhole < source.maxWaitMs;
}

function recordedBy({ answer }: ClientRequest): number {
  return answer?.at ?? Number.POSITIVE_INFINITY;
}
