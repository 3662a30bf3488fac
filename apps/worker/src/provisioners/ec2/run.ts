/** One attempt at one cycle: what the strategies share. Every change of the journal and every call go through here. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ResolvedEc2Spec } from "@restart-coordinator/provisioner-specs";
import type { Cycle } from "../provisioner.ts";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, Ec2Api, Instance } from "./api.ts";
import { describeFailure, meaningOf, provisionerErrorOf } from "./errors.ts";
import { type Ec2Journal, type Ec2Step, hasReached } from "./journal.ts";
import type { Identity } from "./tags.ts";

export interface Timing {
  /** Between two looks, ms; a fifth more or less at random, lest a fleet looks in step. */
  readonly pollMs: number;
  /** Before a launch whose answer was lost is repeated, ms; doubled each time, up to 32 times as long. */
  readonly retryMs: number;
  /** How often it is repeated before the attempt at the cycle fails. */
  readonly retries: number;
}

export const DEFAULT_TIMING: Timing = { pollMs: 2_000, retryMs: 1_000, retries: 6 };

export interface RunParts {
  readonly cycle: Cycle;
  readonly api: Ec2Api;
  readonly owner: string;
  readonly spec: ResolvedEc2Spec;
  readonly timing: Timing;
  /** Where to start from. */
  readonly journal: Ec2Journal;
}

export class Run {
  readonly cycle: Cycle;
  readonly api: Ec2Api;
  readonly spec: ResolvedEc2Spec;
  readonly timing: Timing;
  readonly identity: Identity;
  #journal: Ec2Journal;

  constructor({ cycle, api, owner, spec, timing, journal }: RunParts) {
    this.cycle = cycle;
    this.api = api;
    this.spec = spec;
    this.timing = timing;
    this.identity = { owner, workspaceId: cycle.workspace.id };
    this.#journal = journal;
  }

  get journal(): Ec2Journal {
    return this.#journal;
  }

  get workspaceId(): string {
    return this.cycle.workspace.id;
  }

  get signal(): AbortSignal {
    return this.cycle.signal;
  }

  hasReached(step: Ec2Step): boolean {
    return hasReached(this.#journal, step);
  }

  /** Writes the journal, fenced; only then may the step be made. Undefined takes a field away. */
  async record(step: Ec2Step, changes: Partial<Ec2Journal> = {}): Promise<void> {
    const next: Ec2Journal = { ...this.#journal, ...changes, step };
    this.signal.throwIfAborted();
    await this.cycle.record(next);
    this.signal.throwIfAborted();
    this.#journal = next;
    const { old, fresh, launches } = next;
    this.cycle.step(step, { course: next.course, old, fresh, ...(launches > 0 && { launches }) });
  }

  /**
   * Makes one call. @throws ProvisionerError that names the workspace, the call and AWS's code; the signal's reason once
   * it fires
   */
  async ask<T>(call: string, about: string | undefined, work: (options: CallOptions) => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    try {
      return await work({ signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      throw provisionerErrorOf({ workspaceId: this.workspaceId, call, ...(about !== undefined && { about }) }, error);
    }
  }

  /** One instance as EC2 shows it now; undefined when it does not know the id, or not yet. */
  async look(id: string): Promise<Instance | undefined> {
    const found = await this.ask("DescribeInstances", id, (options) => this.api.describeInstances([id], options));
    return found.get(id);
  }

  /**
   * Looks again and again until there is an answer. A look that got none out of EC2 is repeated; one look is always
   * taken. @throws ProvisionerError (retryable) `withinMs` after `since`, saying what was awaited and why it was not so
   */
  async until<T>(
    awaited: { readonly what: string; readonly withinMs: number; readonly since?: number },
    look: () => Promise<{ readonly value: T } | { readonly not: string }>,
  ): Promise<T> {
    const by = (awaited.since ?? Date.now()) + awaited.withinMs;
    for (;;) {
      this.signal.throwIfAborted();
      const seen = await look().catch((error) => ({ not: this.#unclear(error) }));
      this.signal.throwIfAborted();
      if ("value" in seen) return seen.value;
      if (Date.now() >= by) {
        const message = `workspace ${this.workspaceId}: ${awaited.what} not within ${awaited.withinMs} ms: ${seen.not}`;
        throw new ProvisionerError(message, { retryable: true });
      }
      await this.pause(this.timing.pollMs * (0.8 + 0.4 * Math.random()));
    }
  }

  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => this.signal.throwIfAborted());
  }

  /** A look that failed for want of a clear answer is worth another one. */
  #unclear(error: unknown): string {
    const cause = error instanceof ProvisionerError ? error.cause : error;
    if (cause === undefined || meaningOf(cause).kind !== "retry") throw error;
    return describeFailure({ workspaceId: this.workspaceId, call: "the last look" }, cause);
  }
}
