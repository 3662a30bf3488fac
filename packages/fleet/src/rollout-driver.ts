/**
 * Advances rollouts: builds the list of members, asks for their restarts and notes how they ended. Any process may do
 * so at any time; the one with the rollout's lease does, and another one once that has run out. Every step is one
 * script, and can be taken again: a trigger carries a key by which Redis knows it, a member is settled once.
 */
import { randomBytes } from "node:crypto";
import {
  type Receipt,
  type RestartCoordinator,
  type TriggerRequest,
  UnknownSourceError,
  type WorkspaceState,
} from "@restart-coordinator/debounce";
import { afterTrigger, type MemberStep, needsActivity, nextStep } from "./rollout-member.ts";
import { describeRollout } from "./rollout-record.ts";
import type { Driving } from "./rollout-transitions.ts";
import type { MemberRecord, Rollout, RolloutSelector } from "./rollout-types.ts";
import type { Rollouts } from "./rollouts.ts";

export interface RolloutDriverOptions {
  readonly rollouts: Rollouts;
  readonly coordinator: RestartCoordinator;
  /** Names this process in the records. */
  readonly owner: string;
  /** Told what it does, to log it. Must not throw. */
  readonly observer?: RolloutObserver;
}

/** Whoever is told what a driver does. */
export interface RolloutObserver {
  /** Tells what was decided on a trigger of the rollout. */
  decided(rollout: Rollout, receipt: Receipt): void;
  /** Tells that a member has ended. */
  settled(rollout: Rollout, workspaceId: string, member: MemberRecord): void;
}

/** More than that is no rollout: a selector that matches them ends it at once. */
export const MOST_MEMBERS = 10_000;
const PAGE = 200;
/** Members looked at side by side. */
const AT_ONCE = 20;

interface Driven extends Driving {
  readonly rollout: Rollout;
}

/** A driver advances rollouts, as long as it has their leases. */
export class RolloutDriver {
  /** The owner is this process and no other. */
  readonly owner: string;
  readonly #rollouts: Rollouts;
  readonly #coordinator: RestartCoordinator;
  readonly #observer: RolloutObserver | undefined;
  readonly #driving = new Map<string, Driving>();

  constructor({ rollouts, coordinator, owner, observer }: RolloutDriverOptions) {
    this.#observer = observer;
    this.#rollouts = rollouts;
    this.#coordinator = coordinator;
    this.owner = `${owner}/${randomBytes(6).toString("base64url")}`;
  }

  /**
   * Advances all that are active as far as they go now. One command when there are none. Once the signal has fired it
   * begins nothing more, and ends soon.
   * @throws the first failure, once all have had their turn: one that cannot go on keeps no other from going on
   */
  async pass(stopping?: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    for (const id of await this.#rollouts.active()) {
      if (stopping?.aborted) return;
      await this.#drive(id, stopping).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Builds the list of members now, if nobody else does. @throws CoordinatorUnavailableError */
  async prepare(id: string): Promise<void> {
    const driven = await this.#claim(id);
    if (driven === undefined) return;
    await this.#freeze(driven);
    await this.#rollouts.transitions.leave(driven);
    this.#driving.delete(id);
  }

  /** Lets others go on at once. @throws CoordinatorUnavailableError */
  async leave(): Promise<void> {
    await Promise.all([...this.#driving.values()].map((driving) => this.#rollouts.transitions.leave(driving)));
    this.#driving.clear();
  }

  async #claim(id: string): Promise<(Driven & { cursor: string; isPrepared: boolean }) | undefined> {
    const reply = await this.#rollouts.transitions.claim({ id, owner: this.owner });
    if (reply.kind !== "claimed") {
      this.#driving.delete(id);
      return undefined;
    }
    const { fence, fields } = reply;
    this.#driving.set(id, { id, fence });
    const rollout = describeRollout(id, fields, 0);
    return { id, fence, rollout, cursor: fields.cursor ?? "", isPrepared: fields.prepared !== undefined };
  }

  async #drive(id: string, stopping: AbortSignal | undefined): Promise<void> {
    const driven = await this.#claim(id);
    if (driven === undefined) return;
    if (!driven.isPrepared && !(await this.#freeze(driven, stopping))) return;
    await this.#eachRunning(driven, stopping);
    while (!stopping?.aborted) {
      const picked = await this.#rollouts.transitions.pick(driven);
      if (picked.kind !== "picked") return;
      await this.#advance(driven, picked.workspaceId);
    }
  }

  /** Builds the list page by page, from where it was left. Tells whether the list is whole. */
  async #freeze(driven: Driven & { cursor: string; isPrepared: boolean }, stopping?: AbortSignal): Promise<boolean> {
    const { id, fence, rollout } = driven;
    let { cursor, isPrepared } = driven;
    while (!isPrepared) {
      if (stopping?.aborted) return false;
      const page = await this.#coordinator.registry.list({ ...(cursor !== "" && { cursor }), limit: PAGE });
      const ids = page.workspaces.filter((one) => matches(rollout.selector ?? {}, one)).map((one) => one.id);
      const { nextCursor } = page;
      const frozen = await this.#rollouts.transitions.freeze({
        id,
        fence,
        cursor,
        nextCursor,
        ids,
        most: MOST_MEMBERS,
      });
      if (frozen.kind !== "frozen" || frozen.total > MOST_MEMBERS) return false;
      isPrepared = nextCursor === undefined;
      cursor = nextCursor ?? "";
    }
    return true;
  }

  async #eachRunning(driven: Driven, stopping: AbortSignal | undefined): Promise<void> {
    const running = await this.#rollouts.running(driven.id);
    for (let first = 0; first < running.length && !stopping?.aborted; first += AT_ONCE) {
      const some = running.slice(first, first + AT_ONCE);
      await Promise.all(some.map((workspaceId) => this.#advance(driven, workspaceId)));
    }
  }

  /** Takes a member as far as it goes now. */
  async #advance(driven: Driven, workspaceId: string): Promise<void> {
    const { id, rollout } = driven;
    const json = await this.#rollouts.record(id, workspaceId);
    if (json === null) return;
    const member = JSON.parse(json) as MemberRecord;
    const workspace = await this.#coordinator.workspace(workspaceId);
    const activity = needsActivity(member, workspace) ? await this.#coordinator.activity(workspaceId) : [];
    const facts = { rolloutId: id, since: rollout.createdAt, member, workspaceId, workspace, activity };
    await this.#take(nextStep(facts), driven, workspaceId, member);
  }

  async #take(step: MemberStep, driven: Driven, workspaceId: string, member: MemberRecord): Promise<void> {
    const { id, fence } = driven;
    const { transitions } = this.#rollouts;
    if (step.kind === "wait") return;
    if (step.kind === "note") await transitions.note({ id, fence, workspaceId, member: step.member });
    if (step.kind === "settle") {
      const settled = await transitions.settle({ id, fence, workspaceId, member: step.member });
      if (settled.kind === "settled") this.#observer?.settled(driven.rollout, workspaceId, step.member);
    }
    if (step.kind === "trigger") {
      await this.#take(await this.#trigger(driven.rollout, workspaceId, member), driven, workspaceId, member);
    }
  }

  async #trigger(rollout: Rollout, workspaceId: string, member: MemberRecord): Promise<MemberStep> {
    const { id, source, reason, actor } = rollout;
    const request: TriggerRequest = {
      source,
      actor,
      // The id comes first: a long reason is cut.
      reason: reason === undefined ? `rollout ${id}` : `rollout ${id}: ${reason}`,
      onHold: "refuse",
      // Whoever asks again, after a crash, gets the first receipt.
      idempotency: { key: `rollout:${id}:${member.tries ?? 0}`, body: id, caller: "rollouts" },
    };
    try {
      const receipt = await this.#coordinator.trigger(workspaceId, request);
      this.#observer?.decided(rollout, receipt);
      return afterTrigger(member, receipt);
    } catch (error) {
      // The policy changed since the rollout was made.
      if (!(error instanceof UnknownSourceError)) throw error;
      return { kind: "settle", member: { ...member, status: "failed", error: error.message } };
    }
  }
}

/** All that is given must hold. */
export function matches(selector: RolloutSelector, workspace: WorkspaceState): boolean {
  const { tags = {}, runtime, status } = selector;
  if (runtime !== undefined && workspace.runtime !== runtime) return false;
  if (status !== undefined && workspace.status !== status) return false;
  return Object.entries(tags).every(
    ([tag, value]) => Object.hasOwn(workspace.tags, tag) && workspace.tags[tag] === value,
  );
}
