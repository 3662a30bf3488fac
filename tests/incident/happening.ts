/** Lets a trace happen to a workspace, by the real scripts at the times of the trace: nobody waits two minutes for a test. */
import { POLICIES, type Policy, type RestartCoordinator, VirtualTime } from "@restart-coordinator/debounce";
import type { Recorded } from "./recorded.ts";

/** When the incident began. */
export const BEGAN_AT = Date.parse("2026-05-20T22:00:00Z");
const CYCLE_MS = 30_000;
const HOUR_MS = 3_600_000;

export async function letHappen(
  coordinator: RestartCoordinator,
  workspaceId: string,
  recorded: readonly Recorded[],
  profile: keyof typeof POLICIES,
): Promise<{ readonly cycles: readonly number[] }> {
  const workspace = new Incident(coordinator, workspaceId, POLICIES[profile]);
  await coordinator.installation.transitions.register({ id: workspaceId, fields: {}, now: BEGAN_AT - HOUR_MS });
  const time = new VirtualTime(workspace, CYCLE_MS);
  // It runs since an hour.
  workspace.arriving = { atMs: -HOUR_MS, source: "startup", detail: "" };
  await time.trigger("startup", -HOUR_MS);
  await time.advanceTo(-1);
  for (const trigger of recorded) {
    workspace.arriving = trigger;
    await time.trigger(trigger.source, trigger.atMs);
  }
  await time.advanceTo(Number.POSITIVE_INFINITY);
  return { cycles: time.cycles.filter((at) => at >= 0) };
}

type Machine = ConstructorParameters<typeof VirtualTime>[0];

class Incident implements Machine {
  arriving: Recorded | undefined;
  readonly #coordinator: RestartCoordinator;
  readonly #id: string;
  readonly #policy: Policy;
  #fencingToken = 0;
  #instances = 0;
  #at = -HOUR_MS;

  constructor(coordinator: RestartCoordinator, id: string, policy: Policy) {
    this.#coordinator = coordinator;
    this.#id = id;
    this.#policy = policy;
  }

  /** As the API's file routes and the others ask. */
  async trigger(source: string, atMs: number) {
    const detail = this.arriving?.detail ?? "";
    const isWrite = source === "file-write";
    const reply = await this.#coordinator.installation.transitions.trigger({
      ...this.#common(atMs),
      source,
      count: 1,
      reasons: [isWrite ? `wrote ${detail}` : detail],
      actors: [source === "file-write" ? "canvas" : source === "secret-change" ? "ann" : "probes"],
      files: isWrite ? [detail] : [],
      firstReason: isWrite ? `wrote ${detail}` : detail,
      write: isWrite,
      onHold: "queue",
      nonce: "",
    });
    if (reply.kind === "conflict") throw new Error("unexpected conflict");
    return { ...reply.first, dueAt: undefined };
  }

  async begin(atMs: number): Promise<boolean> {
    const reply = await this.#tryBegin(atMs);
    if (reply.kind !== "begun") return false;
    this.#fencingToken = reply.fencingToken;
    return true;
  }

  /** As a worker with the strategy `recreate` ends it. */
  async end(atMs: number): Promise<void> {
    const old = this.#instances;
    this.#instances += 1;
    const startedAt = BEGAN_AT + atMs - CYCLE_MS;
    const step = (name: string, fromMs: number, toMs: number, instanceId: string) => ({
      name,
      startedAt: startedAt + fromMs,
      durationMs: toMs - fromMs,
      detail: { instanceId },
    });
    const steps = [
      ...(old > 0 ? [step("terminating", 0, 9_000, `i-${old}`)] : []),
      step("launching", 9_000, 12_000, `i-${old + 1}`),
      step("waiting-until-ready", 12_000, 30_000, `i-${old + 1}`),
    ];
    const reply = await this.#coordinator.installation.transitions.end({
      ...this.#common(atMs),
      fencingToken: this.#fencingToken,
      outcome: "ok",
      retry: this.#policy.retry,
      jitter: 0,
      steps,
      instance: { instanceId: `i-${old + 1}` },
    });
    if (reply.kind === "lost") throw new Error("the lease was lost");
  }

  /** Asks as a worker does: what is not due says when it will be. */
  async wakeAt(): Promise<number | undefined> {
    const reply = await this.#tryBegin(this.#at);
    if (reply.kind === "begun") throw new Error("a cycle was due and nobody began it");
    return reply.kind === "not-due" ? reply.dueAt - BEGAN_AT : undefined;
  }

  #tryBegin(atMs: number) {
    return this.#coordinator.installation.transitions.begin({ ...this.#common(atMs), owner: `worker/${atMs}` });
  }

  #common(atMs: number) {
    this.#at = atMs;
    return { id: this.#id, choice: { otherwise: this.#policy, alternatives: [] }, now: BEGAN_AT + atMs };
  }
}
