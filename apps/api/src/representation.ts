/** How the API shows what the coordinator knows: the same fields, times as ISO 8601. */

import type { CoveredSource, Hold, Receipt, Restarting, WorkspaceState } from "@restart-coordinator/debounce";
import { LOOP, NO_BUDGET, OBSERVE } from "@restart-coordinator/debounce";
import type { Member, Rollout } from "@restart-coordinator/fleet";
import type { LivePolicies, PolicyFileStatus } from "@restart-coordinator/service";
import type { SetAside, Webhook } from "@restart-coordinator/webhooks";

/** What its window held back is for the log. */
export function showReceipt(receipt: Receipt) {
  const { triggerId, workspaceId, source, decision, rule, generation, duringCycle } = receipt;
  return { triggerId, workspaceId, source, decision, rule, generation, dueAt: iso(receipt.dueAt), duringCycle };
}

export function showRestarting({ restarting, cooling, startedAt, cooldownEndsAt }: Restarting) {
  return { restarting, cooling, startedAt: iso(startedAt), cooldownEndsAt: iso(cooldownEndsAt) };
}

export function showPolicy(
  workspaceId: string,
  { profile, override, policy, quietHours, origins }: ReturnType<LivePolicies["explain"]>,
  { revision, loadedAt, rejected }: PolicyFileStatus,
) {
  const explained = <Values extends object>(path: string, values: Values) => {
    const from = (name: string) => origins[`${path}.${name}`] ?? null;
    const entries = Object.entries(values).map(([name, value]) => [name, { value, from: from(name) }]);
    return Object.fromEntries(entries) as { [Name in keyof Values]: { value: Values[Name]; from: string | null } };
  };
  const sources = Object.entries(policy.sources).map(([name, source]) => [name, explained(`sources.${name}`, source)]);
  return {
    workspaceId,
    profile,
    override: override ?? null,
    cooldownMs: { value: policy.cooldownMs, from: origins.cooldownMs ?? null },
    retry: explained("retry", policy.retry),
    quietHours: { value: quietHours ?? null, from: origins.quietHours ?? null },
    loop: explained("loop", policy.loop ?? LOOP),
    budget: explained("budget", policy.budget ?? NO_BUDGET),
    observe: explained("observe", policy.observe ?? OBSERVE),
    sources: Object.fromEntries(sources),
    file: {
      revision,
      loadedAt: loadedAt.toISOString(),
      rejected: rejected === undefined ? null : { at: rejected.at.toISOString(), reason: rejected.reason },
    },
  };
}

/** Without what is secret: of the URL, too, only where it leads to is shown. */
export function showWebhook(webhook: Webhook) {
  const { id, url, events, workspaces, format, createdAt, delivered, lastDeliveredAt, failure, disabled } = webhook;
  const { previous, setAside } = webhook;
  const { origin, pathname, search } = new URL(url);
  return {
    id,
    url: pathname === "/" && search === "" ? origin : `${origin}/…`,
    events: events ?? null,
    workspaces: workspaces ?? null,
    format,
    status: statusOf(webhook),
    createdAt: iso(createdAt),
    delivered,
    lastDeliveredAt: iso(lastDeliveredAt),
    setAside,
    previousSecretUntil: iso(previous?.until),
    failure: failure === undefined ? null : { ...failure, since: iso(failure.since), retryAt: iso(failure.retryAt) },
    disabled: disabled === undefined ? null : { ...disabled, at: iso(disabled.at) },
  };
}

export function showSetAside({ id, event, workspaceId, error, at }: SetAside) {
  return { id, event, workspaceId: workspaceId === "" ? null : workspaceId, error, setAsideAt: iso(at) };
}

function statusOf({ failure, disabled }: Webhook): "active" | "failing" | "disabled" {
  if (disabled !== undefined) return "disabled";
  return failure === undefined ? "active" : "failing";
}

/** A spec may hold user data and environment variables: only who may set one sees it. */
export function showWorkspace(workspace: WorkspaceState, { withSpec }: { withSpec: boolean }) {
  const { restart, spec, ...rest } = workspace;
  const { cycle, lastCycle } = restart;
  return {
    ...rest,
    ...(withSpec && { spec }),
    name: rest.name ?? null,
    runtime: rest.runtime ?? null,
    parentId: rest.parentId ?? null,
    pausedBy: rest.pausedBy ?? null,
    createdAt: iso(rest.createdAt),
    instance: rest.instance ?? null,
    seenAt: iso(rest.seenAt),
    down: rest.down === undefined ? null : { ...rest.down, since: iso(rest.down.since) },
    stray: rest.stray ?? null,
    drift: rest.drift === undefined ? null : { ...rest.drift, since: iso(rest.drift.since) },
    restart: {
      ...restart,
      dueAt: iso(restart.dueAt),
      because: restart.because ?? null,
      deadlineAt: iso(restart.deadlineAt),
      startedAt: iso(restart.startedAt),
      cooldownEndsAt: iso(restart.cooldownEndsAt),
      heldUntil: iso(restart.heldUntil),
      holds: restart.holds.map(showHold),
      budgetUntil: iso(restart.budgetUntil),
      loop: restart.loop ?? null,
      why: restart.why.map(showCovered),
      cycle:
        cycle === undefined
          ? null
          : {
              ...cycle,
              startedAt: iso(cycle.startedAt),
              covers: cycle.covers.map(showCovered),
              steps: cycle.steps.map((step) => ({ ...step, startedAt: iso(step.startedAt) })),
            },
      lastCycle:
        lastCycle === undefined
          ? null
          : {
              ...lastCycle,
              startedAt: iso(lastCycle.startedAt),
              endedAt: iso(lastCycle.endedAt),
              covers: (lastCycle.covers ?? []).map(showCovered),
            },
    },
  };
}

export function showHold({ id, owner, reason, since, endsAt }: Hold) {
  return { id, owner, reason: reason ?? null, since: iso(since), endsAt: iso(endsAt) };
}

export function showRollout(rollout: Rollout) {
  const { ids: _, stopped, ...rest } = rollout;
  return {
    ...rest,
    stopped: stopped === undefined ? null : showStopped(stopped),
    selector: rest.selector ?? null,
    reason: rest.reason ?? null,
    canary: rest.canary ?? null,
    pauseOnFailure: rest.pauseOnFailure ?? null,
    budget: rest.budget ?? null,
    createdAt: iso(rest.createdAt),
    startedAt: iso(rest.startedAt),
    endedAt: iso(rest.endedAt),
  };
}

function showStopped({ by, at, actor, reason }: NonNullable<Rollout["stopped"]>) {
  return { by, at: iso(at), actor: actor ?? null, reason: reason ?? null };
}

export function showMember(member: Member) {
  return {
    ...member,
    startedAt: iso(member.startedAt),
    endedAt: iso(member.endedAt),
    triggerId: member.triggerId ?? null,
    cycleId: member.cycleId ?? null,
    rule: member.rule ?? null,
    error: member.error ?? null,
  };
}

function showCovered(covered: CoveredSource) {
  return {
    ...covered,
    firstAt: iso(covered.firstAt),
    lastAt: iso(covered.lastAt),
    reasons: covered.reasons ?? [],
    actors: covered.actors ?? [],
    files: covered.files ?? [],
  };
}

export function iso(ms: number): string;
export function iso(ms: number | undefined): string | null;
export function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
