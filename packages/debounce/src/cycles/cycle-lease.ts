/** The right to act for one workspace, as its worker holds it. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type CallNames, CoordinatorUnavailableError } from "@restart-coordinator/redis-scripts";
import { type EffectiveSpec, usedSpecOf } from "../drift/spec-fields.ts";
import { CycleStopAskedError, LeaseLostError } from "../errors.ts";
import type { Policy, RetryPolicy } from "../policy/policy.ts";
import type { Transitions } from "../transitions/transitions.ts";
import type { BegunReply, EndCall, EndReply } from "../transitions/types.ts";
import { StepRecord } from "./step-record.ts";

/** How an attempt ended, as its worker saw it. */
export type AttemptResult =
  | { readonly outcome: "ok"; readonly instance?: Readonly<Record<string, unknown>> }
  /** `retryAfterMs`: trying again sooner is pointless; the backoff starts from there if it is longer. */
  | {
      readonly outcome: "failed";
      readonly error: string;
      readonly retryable: boolean;
      readonly retryAfterMs?: number | undefined;
    }
  | { readonly outcome: "declined"; readonly error: string }
  | { readonly outcome: "canceled" }
  /** The worker goes down: the next one takes the same cycle over at once. */
  | { readonly outcome: "handover" };

/** What a lease is made of, beside the cycle that Redis handed out. */
interface LeaseParts {
  readonly transitions: Transitions;
  readonly policy: Pick<Policy, "cooldownMs" | "retry" | "budget">;
  readonly leaseMs: number;
  /** When `begin` was sent, by this process' own clock. */
  readonly sentAt: number;
  readonly names: CallNames;
  readonly effectiveSpec?: EffectiveSpec | undefined;
}

/** How often a lease is renewed within its length: so a Redis that is away for five sixths of it costs no attempt. */
const RENEWALS = 6;
/** What Redis refused is tried again after this, or sooner with a short lease, ms. */
const AGAIN_AFTER_MS = 250;

/**
 * The right to act for one workspace, renewed in the background until it ends or is lost. What Redis does not take now is
 * tried again as long as the lease lives.
 */
export class CycleLease {
  readonly workspaceId: string;
  readonly cycle: BegunReply;
  readonly #lost = new AbortController();
  readonly #parts: LeaseParts;
  readonly #steps: StepRecord;
  #stopAsked: boolean;
  #ended = false;
  /** By this process' own clock. */
  #expiresAt = 0;
  #renewal: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(workspaceId: string, cycle: BegunReply, parts: LeaseParts) {
    this.workspaceId = workspaceId;
    this.cycle = cycle;
    this.#parts = parts;
    this.#stopAsked = cycle.stopAsked;
    this.#steps = new StepRecord(cycle.now);
    this.#expectExpiry(parts.sentAt);
    this.#renewLater();
  }

  /** Fires when the lease is lost: begin no further side effect. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  get isLost(): boolean {
    return this.signal.aborted;
  }

  /** Somebody wants this cycle to stop at its next safe point. */
  get stopAsked(): boolean {
    return this.#stopAsked;
  }

  /** Throws when the cycle was asked to stop. */
  safePoint(): void {
    if (this.#stopAsked) throw new CycleStopAskedError(this.workspaceId, this.cycle.cycleId);
  }

  /** Notes what is done now, for the record of the attempt. */
  step(name: string, detail?: Readonly<Record<string, unknown>>): void {
    this.#steps.add(name, detail);
  }

  /** Writes the journal, fenced. @throws LeaseLostError: the side effect it announces must not be made. */
  async record(journal: string): Promise<void> {
    const { fencingToken } = this.cycle;
    const steps = this.#steps.soFar();
    const { reply, sentAt } = await this.#insist(async () => {
      this.signal.throwIfAborted();
      const sentAt = performance.now();
      const call = { id: this.workspaceId, fencingToken, journal, steps };
      return { reply: await this.#parts.transitions.journal(call), sentAt };
    });
    if (reply.kind === "lost") throw this.#lose();
    this.#heldSince(sentAt, reply.stopAsked);
    this.signal.throwIfAborted();
  }

  /**
   * Ends the attempt. "lost" when another worker holds the lease: then nothing was written.
   *
   * @throws CoordinatorUnavailableError when Redis took it at no time at which nobody else can have the lease
   */
  async end(result: AttemptResult): Promise<EndReply> {
    this.#ended = true;
    this.#clearTimers();
    const { fencingToken } = this.cycle;
    const call: EndCall = {
      id: this.workspaceId,
      fencingToken,
      retry: this.#retryAfter(result),
      budget: this.#parts.policy.budget,
      jitter: Math.random(),
      steps: this.#steps.finish(),
      nonce: this.#parts.names.next(),
      ...(result.outcome === "ok" && this.#specUsed()),
      ...result,
    };
    return this.#insist(() => this.#parts.transitions.end(call));
  }

  /** What it was started with: the spec as it was when this attempt began. */
  #specUsed(): Pick<EndCall, "specUsed" | "specSha"> {
    if (this.cycle.action !== "restart") return {};
    const { spec = "" } = this.cycle.workspace;
    const used = usedSpecOf(this.workspaceId, spec === "" ? {} : JSON.parse(spec), this.#parts.effectiveSpec);
    return { specUsed: JSON.stringify(used), specSha: createHash("sha1").update(spec).digest("hex") };
  }

  /** Sends again what Redis did not take, as long as the lease lives. */
  async #insist<Reply>(send: () => Promise<Reply>): Promise<Reply> {
    for (;;) {
      try {
        return await send();
      } catch (error) {
        const isOver = performance.now() + this.#againAfterMs >= this.#expiresAt;
        if (isOver || !(error instanceof CoordinatorUnavailableError)) throw error;
        await sleep(this.#againAfterMs);
      }
    }
  }

  get #againAfterMs(): number {
    return Math.min(AGAIN_AFTER_MS, this.#parts.leaseMs / RENEWALS / 2);
  }

  #retryAfter(result: AttemptResult): RetryPolicy {
    const { retry } = this.#parts.policy;
    const leastMs = result.outcome === "failed" ? result.retryAfterMs : undefined;
    if (leastMs === undefined) return retry;
    const backoffMs = Math.max(retry.backoffMs, leastMs);
    return { ...retry, backoffMs, maxBackoffMs: Math.max(retry.maxBackoffMs, leastMs) };
  }

  /** Stops renewing without a word to Redis: for a worker that must go at once. The lease then runs out by itself. */
  abandon(): void {
    this.#ended = true;
    this.#clearTimers();
  }

  #renewLater(afterMs = this.#parts.leaseMs / RENEWALS): void {
    this.#renewal = setTimeout(() => void this.#renew(), afterMs);
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now();
    const { fencingToken } = this.cycle;
    try {
      // Should this worker die, the activity has what it did until here.
      const steps = this.#steps.soFar();
      const reply = await this.#parts.transitions.renew({ id: this.workspaceId, fencingToken, steps });
      if (this.#ended) return;
      if (reply.kind === "lost") {
        this.#lose();
        return;
      }
      this.#heldSince(sentAt, reply.stopAsked);
      if (!this.isLost) this.#renewLater();
    } catch {
      // The next one may reach Redis. If none does, the lease expires here as it does there.
      if (!this.#ended && !this.isLost) this.#renewLater(this.#againAfterMs);
    }
  }

  #heldSince(sentAt: number, stopAsked: boolean): void {
    this.#stopAsked ||= stopAsked;
    this.#expectExpiry(sentAt);
  }

  /** Redis counts from when it got the command, which is later than when it was sent: this side is never later. */
  #expectExpiry(sentAt: number): void {
    clearTimeout(this.#expiry);
    if (this.#ended) return;
    this.#expiresAt = sentAt + this.#parts.leaseMs;
    this.#expiry = setTimeout(() => this.#lose(), Math.max(0, this.#expiresAt - performance.now()));
  }

  #lose(): LeaseLostError {
    const error = new LeaseLostError(this.workspaceId, this.cycle.cycleId);
    this.#clearTimers();
    this.#lost.abort(error);
    return error;
  }

  #clearTimers(): void {
    clearTimeout(this.#renewal);
    clearTimeout(this.#expiry);
  }
}
