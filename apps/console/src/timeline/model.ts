/** What the time axis of a workspace shows, made of its activity, its state and its policy. Pure. */

import { durationOf } from "../times.tsx";
import type { Covered, PolicyShown, RestartEvent, Step, Workspace } from "../types.ts";
import { BECAUSE, RULES, whatHappened } from "../words.ts";

export type MarkKind = "fired" | "coalesced" | "dropped" | "refused" | "mid-write";

/** Something that happened at one moment. */
export interface Mark {
  readonly key: string;
  readonly at: number;
  readonly kind: MarkKind;
  readonly title: string;
  readonly detail: string;
}

/** Something that lasts. */
export interface Span {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
}

export interface CycleShown {
  readonly id: string;
  readonly from: number;
  /** Undefined while it runs. */
  readonly to: number | undefined;
  readonly action: string;
  readonly outcome: string;
  readonly because: string;
  readonly isAsked: boolean;
  readonly covers: readonly Covered[];
  readonly attempts: readonly { readonly number: number; readonly at: number; readonly how: string }[];
  readonly steps: readonly Step[];
  readonly midWrites: number;
  readonly dropped: readonly { readonly source: string; readonly rule: string; readonly count: number }[];
  readonly error: string | undefined;
  readonly instance: string | undefined;
  readonly instanceBefore: string | undefined;
  readonly askedAt: number | undefined;
}

export interface Lane {
  readonly name: string;
  readonly marks: readonly Mark[];
  readonly spans: readonly Span[];
}

export interface Axis {
  readonly lanes: readonly Lane[];
  readonly cycles: readonly CycleShown[];
  readonly cooldowns: readonly Span[];
  readonly holds: readonly Span[];
  /** The restart that is owed: when it starts as far as known, and for how long one takes. */
  readonly next: Span | undefined;
}

const ENDS: Readonly<Record<string, string>> = {
  WORKSPACE_ONLINE: "ok",
  WORKSPACE_OFFLINE: "stopped",
  WORKSPACE_RESTART_FAILED: "failed",
  WORKSPACE_RESTART_DECLINED: "declined",
  WORKSPACE_RESTART_CANCELED: "canceled",
};

/** `events` in any order; `now` by the server's clock, ms. */
export function axisOf(
  workspace: Workspace,
  events: readonly RestartEvent[],
  policy: PolicyShown | undefined,
  now: number,
): Axis {
  const told = events.toSorted((a, b) => ms(a.timestamp) - ms(b.timestamp));
  const cycles = cyclesOf(told, workspace);
  const cooldownMs = policy?.cooldownMs.value ?? 0;
  return {
    lanes: lanesOf(workspace, told, cycles, policy),
    cycles,
    cooldowns: cycles
      .filter(({ action }) => action === "restart" && cooldownMs > 0)
      .map(({ id, from }) => ({
        ...{ key: `cooldown ${id}`, from, to: from + cooldownMs, kind: "cooldown", title: "Cooldown" },
        detail: `No further restart starts for ${durationOf(cooldownMs)} after one has started, unless a person asks`,
      })),
    holds: holdsOf(told, policy, now),
    next: nextOf(workspace, cycles, now),
  };
}

function cyclesOf(told: readonly RestartEvent[], workspace: Workspace): CycleShown[] {
  const found = new Map<string, CycleShown>();
  const fresh = (id: string, from: number): CycleShown => ({
    ...{ id, from, to: undefined, action: "restart", outcome: "running", because: "", isAsked: false, covers: [] },
    ...{ attempts: [], steps: [], midWrites: 0, dropped: [], error: undefined, askedAt: undefined },
    ...{ instance: undefined, instanceBefore: undefined },
  });
  for (const { event, timestamp, payload } of told) {
    const id = payload.cycle;
    if (id === undefined) continue;
    const at = ms(timestamp);
    const known = found.get(id);
    if (event === "WORKSPACE_AUTO_RESTART_FIRED") {
      const { because = "", auto = true, covers = [], askedAt } = payload;
      found.set(id, { ...(known ?? fresh(id, at)), from: at, because, isAsked: !auto, covers, askedAt: msOr(askedAt) });
    } else if (event === "WORKSPACE_PROVISIONING") {
      const cycle = known ?? fresh(id, at);
      const attempt = { number: payload.attempt ?? 1, at, how: payload.how ?? "new" };
      found.set(id, { ...cycle, to: undefined, outcome: "running", attempts: [...cycle.attempts, attempt] });
    } else if (Object.hasOwn(ENDS, event) && payload.durationMs !== undefined) {
      const cycle = known ?? fresh(id, msOr(payload.startedAt) ?? at - payload.durationMs);
      found.set(id, {
        ...cycle,
        to: at,
        outcome: ENDS[event] as string,
        action: event === "WORKSPACE_OFFLINE" ? "stop" : cycle.action,
        covers: payload.covers ?? cycle.covers,
        steps: [...cycle.steps, ...(payload.steps ?? [])],
        midWrites: cycle.midWrites + (payload.midWrites ?? []).reduce((sum, { count }) => sum + count, 0),
        dropped: [...cycle.dropped, ...(payload.dropped ?? [])],
        error: payload.error,
        instance: instanceName(payload.instance),
        instanceBefore: instanceName(payload.instanceBefore),
        askedAt: cycle.askedAt ?? msOr(payload.askedAt),
      });
    }
  }
  const { cycle } = workspace.restart;
  if (cycle !== null) {
    const known = found.get(cycle.id) ?? fresh(cycle.id, ms(cycle.startedAt));
    const isRunning = workspace.restart.phase === "running";
    const running = {
      ...known,
      action: cycle.action,
      covers: cycle.covers,
      ...(isRunning && { to: undefined, outcome: "running" }),
    };
    found.set(cycle.id, {
      ...running,
      ...(isRunning && cycle.steps.length > 0 && { steps: [...known.steps, ...cycle.steps] }),
    });
  }
  return [...found.values()].sort((a, b) => b.from - a.from);
}

function lanesOf(
  workspace: Workspace,
  told: readonly RestartEvent[],
  cycles: readonly CycleShown[],
  policy: PolicyShown | undefined,
): Lane[] {
  const lanes = new Map<string, { marks: Mark[]; spans: Span[] }>();
  const lane = (source: string) => {
    const found = lanes.get(source) ?? { marks: [], spans: [] };
    lanes.set(source, found);
    return found;
  };
  const covered = (group: Covered, key: string, firedAt: number | undefined, by: string): void => {
    const { source, count } = group;
    const [first, last] = [ms(group.firstAt), ms(group.lastAt)];
    const { marks, spans } = lane(source);
    const isFired = firedAt === first;
    const files = (group.files ?? group.reasons ?? []).filter((text) => text !== "").toReversed();
    const detail = `${by}${files.length === 0 ? "" : `: ${files.slice(0, 4).join(", ")}${files.length > 4 ? " and more" : ""}`}`;
    const title = `${count} × ${source}`;
    marks.push({
      key: `${key} first`,
      at: first,
      kind: isFired ? "fired" : "coalesced",
      title: count === 1 ? title : `The first of ${title}`,
      detail,
    });
    if (count > 1) {
      marks.push({ key: `${key} last`, at: last, kind: "coalesced", title: `The last of ${title}`, detail });
      spans.push({ key: `${key} burst`, from: first, to: last, kind: "burst", title, detail });
    }
    const window = policy?.sources[source];
    if (window === undefined || window.windowMs.value === 0) return;
    const to = window.trailing.value ? last + window.windowMs.value : first + window.windowMs.value;
    const rule = window.trailing.value ? "a restart waits for its end without another" : "further ones are dropped";
    spans.push({
      key: `${key} window`,
      from: first,
      to,
      kind: "window",
      title: `Debounce window of ${source}`,
      detail: `${durationOf(window.windowMs.value)}: ${rule}`,
    });
  };
  for (const { id, covers, because, to } of cycles) {
    const by = `covered by the ${to === undefined ? "restart under way" : "restart"} ${id}`;
    for (const group of covers)
      covered(
        group,
        `${id} ${group.source}`,
        because === "at-once" ? Math.min(...covers.map(({ firstAt }) => ms(firstAt))) : undefined,
        by,
      );
  }
  for (const group of workspace.restart.why)
    covered(group, `owed ${group.source}`, undefined, "owed, and not covered yet");
  const kinds = { WORKSPACE_RESTART_DROPPED: "dropped", WORKSPACE_RESTART_REFUSED: "refused" } as const;
  for (const { id, event, timestamp, payload } of told) {
    const { source = "", rule = "", count = 1 } = payload;
    if (event === "WORKSPACE_RESTART_DROPPED" || event === "WORKSPACE_RESTART_REFUSED") {
      const kind = kinds[event];
      const many = count > 1 ? `${count} × ${source} ` : `${source} `;
      lane(source).marks.push({
        key: id,
        at: ms(timestamp),
        kind,
        title: `${many}${kind}`,
        detail: `${rule}: ${RULES[rule] ?? rule}`,
      });
    }
    if (event === "WORKSPACE_RESTARTING_MID_WRITE") {
      const what = (payload.files ?? payload.reasons ?? []).join(", ");
      lane(source).marks.push({
        key: id,
        at: ms(timestamp),
        kind: "mid-write",
        title: `${source} while a restart ran`,
        detail: what,
      });
    }
    for (const { source: of, rule: by, count: many, firstAt, lastAt } of payload.dropped ?? []) {
      if (many < 2) continue;
      const what = { title: `${many} × ${of} dropped`, detail: `${by}: ${RULES[by] ?? by}` };
      lane(of).spans.push({ key: `${id} ${of} ${by}`, from: ms(firstAt), to: ms(lastAt), kind: "dropped", ...what });
    }
  }
  return [...lanes]
    .map(([name, { marks, spans }]) => ({ name, marks: marks.sort((a, b) => a.at - b.at), spans }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function holdsOf(told: readonly RestartEvent[], policy: PolicyShown | undefined, now: number): Span[] {
  const spans: Span[] = [];
  const begin = (kind: string, { id, timestamp, payload }: RestartEvent, to: number, title: string): void => {
    const by = payload.actor === undefined ? "" : `by ${payload.actor}`;
    spans.push({
      key: id,
      from: ms(timestamp),
      to,
      kind,
      title,
      detail: [by, payload.reason].filter(Boolean).join(": "),
    });
  };
  const end = (kind: string, at: number): void => {
    const index = spans.findLastIndex((span) => span.kind === kind && span.from <= at && span.to > at);
    const span = spans[index];
    if (span !== undefined) spans[index] = { ...span, to: at };
  };
  for (const event of told) {
    const at = ms(event.timestamp);
    if (event.event === "WORKSPACE_HELD") {
      end("hold", at);
      begin("hold", event, msOr(event.payload.heldUntil) ?? now, "Held");
    }
    if (event.event === "WORKSPACE_RELEASED") end("hold", at);
    if (event.event === "WORKSPACE_PAUSED") {
      end("pause", at);
      begin("pause", event, Number.POSITIVE_INFINITY, event.payload.desired === "hibernated" ? "Hibernated" : "Paused");
    }
    if (event.event === "WORKSPACE_RESUMED") end("pause", at);
  }
  for (const [from, to] of policy?.quietHours.value?.intervals ?? []) {
    spans.push({
      key: `quiet ${from}`,
      from,
      to,
      kind: "quiet-hours",
      title: "Quiet hours",
      detail: "restarts wait for their end",
    });
  }
  return spans;
}

const USUAL_CYCLE_MS = 30_000;

function nextOf({ restart }: Workspace, cycles: readonly CycleShown[], now: number): Span | undefined {
  const { dueAt, why, because } = restart;
  if (dueAt === null) return undefined;
  const from = Math.max(ms(dueAt), now);
  const last = cycles.find(({ outcome, to }) => outcome === "ok" && to !== undefined);
  const tookMs = last?.to === undefined ? USUAL_CYCLE_MS : last.to - last.from;
  const waits = because === null ? "" : ` (${BECAUSE[because] ?? because})`;
  const what = why.length === 0 ? "" : `: ${whatHappened(why)}`;
  return {
    key: "next",
    from,
    to: from + tookMs,
    kind: "next",
    title: "The next restart",
    detail: `as far as known${waits}${what}`,
  };
}

function instanceName(instance: Readonly<Record<string, unknown>> | undefined): string | undefined {
  if (instance === undefined || instance === null) return undefined;
  const { instanceId, pid } = instance as { instanceId?: unknown; pid?: unknown };
  if (typeof instanceId === "string") return instanceId;
  if (typeof pid === "number" || typeof pid === "string") return `process ${pid}`;
  return JSON.stringify(instance);
}

export function ms(iso: string): number {
  return Date.parse(iso);
}

function msOr(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso);
}
