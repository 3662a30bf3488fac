/** A rollout as Redis keeps it, and as people see it. Pure. */
import type { Member, MemberRecord, Rollout, RolloutRequest, RolloutState, StoppedBy } from "./rollout-types.ts";

export type Fields = Readonly<Record<string, string>>;

/** What was asked for, as fields of the hash. */
export function fieldsOf(request: RolloutRequest): Record<string, string> {
  const { selector, canary, budget } = request;
  const given = {
    source: request.source,
    reason: request.reason,
    actor: request.actor,
    selector: selector && JSON.stringify(selector),
    maxConcurrent: request.maxConcurrent,
    splayMs: request.splayMs,
    canary: canary && JSON.stringify(canary),
    pauseOnFailure: request.pauseOnFailure,
    maxFailures: budget?.maxFailures,
    maxDurationMs: budget?.maxDurationMs,
  };
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([field, value]) => [field, String(value)]));
}

export function describeRollout(id: string, fields: Fields, running: number): Rollout {
  const number = (field: string): number | undefined =>
    fields[field] === undefined ? undefined : Number(fields[field]);
  const [total, done, failed, skipped] = ["total", "done", "failed", "skipped"].map((field) => number(field) ?? 0) as [
    number,
    number,
    number,
    number,
  ];
  const maxFailures = number("maxFailures");
  const maxDurationMs = number("maxDurationMs");
  return {
    id,
    state: fields.state as RolloutState,
    stopped:
      fields.stoppedBy === undefined
        ? undefined
        : {
            by: fields.stoppedBy as StoppedBy,
            at: number("stoppedAt") ?? 0,
            actor: fields.stoppedActor,
            reason: fields.stoppedFor,
          },
    selector: fields.selector === undefined ? undefined : JSON.parse(fields.selector),
    source: fields.source ?? "",
    reason: fields.reason,
    actor: fields.actor ?? "",
    maxConcurrent: number("maxConcurrent") ?? 1,
    splayMs: number("splayMs") ?? 0,
    canary: fields.canary === undefined ? undefined : JSON.parse(fields.canary),
    pauseOnFailure: number("pauseOnFailure"),
    budget: maxFailures === undefined && maxDurationMs === undefined ? undefined : { maxFailures, maxDurationMs },
    createdAt: number("createdAt") ?? 0,
    startedAt: number("startedAt"),
    endedAt: number("endedAt"),
    canaries: { count: number("canaries") ?? 0, passed: fields.canariesPassed !== undefined },
    counts: { total, done, running, waiting: total - done - failed - skipped - running, failed, skipped },
  };
}

export function describeMember(workspaceId: string, json: string | null): Member {
  const record = json === null ? undefined : (JSON.parse(json) as MemberRecord);
  const status = record?.status ?? "waiting";
  return {
    workspaceId,
    status: status === "starting" ? "running" : status,
    startedAt: record?.startedAt,
    endedAt: record?.endedAt,
    triggerId: record?.triggerId,
    cycleId: record?.cycleId,
    byItself: record?.byItself === true,
    rule: record?.rule,
    error: record?.error,
  };
}
