/** A rollout that is being planned: whom it would restart, in which order, and what is asked of the API for it. Pure. */
import type { Line, Member, Rollout } from "./types.ts";

export interface Plan {
  readonly whom: "all" | "some" | "ids";
  readonly tag: string;
  readonly runtime: string;
  readonly status: string;
  /** Separated by spaces, commas or lines. */
  readonly ids: string;
  readonly maxConcurrent: number;
  readonly splaySeconds: number;
  readonly canaries: number;
  /** 0 = never. */
  readonly pauseOnFailure: number;
  readonly reason: string;
}

export const FIRST_PLAN: Plan = {
  ...{ whom: "some", tag: "", runtime: "", status: "", ids: "" },
  ...{ maxConcurrent: 5, splaySeconds: 0, canaries: 1, pauseOnFailure: 1, reason: "" },
};

/** Those it would restart, in their order; undefined where nobody is chosen yet. */
export function membersOf(plan: Plan, lines: readonly Line[]): string[] | undefined {
  if (plan.whom === "ids") {
    const ids = idsOf(plan);
    return ids.length === 0 ? undefined : ids;
  }
  if (plan.whom === "some" && plan.tag === "" && plan.runtime === "" && plan.status === "") return undefined;
  const [name = "", value = ""] = plan.tag.split(/:\s*(.*)/);
  const matching = lines.filter(({ tags, runtime, status }) => {
    if (plan.whom === "all") return true;
    if (plan.tag !== "" && tags[name] !== value) return false;
    return (plan.runtime === "" || runtime === plan.runtime) && (plan.status === "" || status === plan.status);
  });
  return matching.map(({ id }) => id).sort((a, b) => (a < b ? -1 : 1));
}

export function idsOf({ ids }: Plan): string[] {
  return [...new Set(ids.split(/[\s,]+/).filter(Boolean))];
}

/** The body of the request. */
export function requestOf(plan: Plan): Readonly<Record<string, unknown>> {
  const { whom, tag, runtime, status, maxConcurrent, splaySeconds, canaries, pauseOnFailure, reason } = plan;
  const [name = "", value = ""] = tag.split(/:\s*(.*)/);
  const some = {
    ...(tag !== "" && { tags: { [name]: value } }),
    ...(runtime !== "" && { runtime }),
    ...(status !== "" && { status }),
  };
  return {
    ...(whom === "ids" ? { ids: idsOf(plan) } : { selector: whom === "all" ? { all: true } : some }),
    maxConcurrent,
    splayMs: splaySeconds * 1_000,
    ...(canaries > 0 && { canary: { count: canaries } }),
    pauseOnFailure: pauseOnFailure === 0 ? null : pauseOnFailure,
    ...(reason.trim() !== "" && { reason: reason.trim() }),
  };
}

export interface Pace {
  /** Members that were settled, a minute. */
  readonly perMinute: number;
  readonly leftMs: number | undefined;
}

/** By those that were settled last; undefined where too few were. */
export function paceOf({ counts, startedAt }: Rollout, members: readonly Member[], now: number): Pace | undefined {
  const ended = members.flatMap(({ endedAt }) => (endedAt === null ? [] : [Date.parse(endedAt)])).sort((a, b) => a - b);
  const recent = ended.slice(-20);
  const first = recent.length < 20 && startedAt !== null ? Date.parse(startedAt) : recent[0];
  if (first === undefined || recent.length === 0) return undefined;
  const overMs = Math.max(1_000, now - first);
  const perMinute = (recent.length / overMs) * 60_000;
  const left = counts.waiting + counts.running;
  return { perMinute, leftMs: perMinute === 0 ? undefined : (left / perMinute) * 60_000 };
}

export function whomWords({ selector, counts }: Rollout): string {
  if (selector === null) return `${counts.total.toLocaleString("en")} by id`;
  if (selector.all === true) return "every workspace";
  const {
    tags = {},
    runtime,
    status,
  } = selector as { tags?: Record<string, string>; runtime?: string; status?: string };
  const parts = [...Object.entries(tags).map(([tag, value]) => `${tag}: ${value}`), runtime, status];
  return parts.filter(Boolean).join(", ");
}
