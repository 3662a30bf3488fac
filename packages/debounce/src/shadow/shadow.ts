/**
 * A second policy beside the active one: it sees every trigger that was judged and acts on none. Its state is a key of the
 * workspace, moved on by compare-and-set after the answer was given; what is lost with a process is a trigger of a
 * comparison, no restart. Cycles last as long as the workspace's last good one.
 */

import type { Installation } from "../installation/installation.ts";
import { type PolicyProvider, type PolicySet, policyFor } from "../policy/policy-set.ts";
import type { JudgedTriggers } from "../transitions/observer.ts";
import type { Transitions } from "../transitions/transitions.ts";
import type { ShadowReading } from "../transitions/types.ts";
import type { Decision } from "../vocabulary.ts";
import {
  advanceRecord,
  beginRecord,
  DAYS_KEPT,
  type Observed,
  observeTrigger,
  type ShadowRecord,
} from "./shadow-record.ts";

export interface ShadowOptions {
  readonly policies: PolicyProvider & { readonly revision: string };
  /** Told of every trigger that was compared. */
  readonly onCompared?: (compared: { source: string; active: Decision; shadow: Decision }) => void;
  /** Virtual cycles that began. */
  readonly onCycles?: (count: number) => void;
  /** Triggers that were not compared: too many at once, Redis away, a source it does not know. */
  readonly onSkipped?: (count: number) => void;
}

/** The last seven days, by UTC, today included. Times are ms of Redis' clock. */
export interface ShadowReport {
  readonly revision: string;
  readonly now: number;
  /** The first trigger it saw; undefined when it saw none. */
  readonly since: number | undefined;
  /** How long its cycles last, ms. */
  readonly cycleMs: number;
  readonly record: ShadowRecord | undefined;
  /** Real cycles, by days since the epoch. */
  readonly realCycles: Readonly<Record<string, number>>;
}

const DEFAULT_CYCLE_MS = 30_000;
const KEPT_MS = (DAYS_KEPT + 1) * 86_400_000;
const MOST_WAITING = 2_000;
const MOST_TRIES = 20;

export class Shadow {
  readonly #transitions: Transitions;
  readonly #options: ShadowOptions;
  /** Per workspace what waits for its turn; one write at a time. */
  readonly #waiting = new Map<string, JudgedTriggers[]>();
  #count = 0;
  #idle: (() => void)[] = [];

  constructor({ transitions }: Installation, options: ShadowOptions) {
    this.#transitions = transitions;
    this.#options = options;
  }

  /** Takes note of it and returns at once. */
  observe(judged: JudgedTriggers): void {
    const { workspaceId, count, first } = judged;
    // What may not be restarted would not be under another policy either.
    if (first.decision === "refused") return;
    if (this.#count + count > MOST_WAITING) {
      this.#options.onSkipped?.(count);
      return;
    }
    this.#count += count;
    const waiting = this.#waiting.get(workspaceId);
    if (waiting !== undefined) {
      waiting.push(judged);
      return;
    }
    this.#waiting.set(workspaceId, [judged]);
    void this.#drain(workspaceId);
  }

  /** Resolves once everything observed so far is written or given up. */
  async settled(): Promise<void> {
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** What would have happened, up to now. Writes nothing. */
  async report(workspaceId: string): Promise<ShadowReport> {
    const reading = await this.#transitions.readShadow(workspaceId);
    const { now, realCycles } = reading;
    const { revision } = this.#options.policies;
    const cycleMs = reading.cycleMs ?? DEFAULT_CYCLE_MS;
    const kept = this.#recordIn(reading);
    const record = kept && (await advanceRecord(kept, now, this.#policyOf(workspaceId, reading), cycleMs));
    return { revision, now, since: record?.since, cycleMs, record, realCycles: kept === undefined ? {} : realCycles };
  }

  async #drain(workspaceId: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(workspaceId)?.splice(0) ?? [];
      if (batch.length === 0) break;
      const count = batch.reduce((sum, judged) => sum + judged.count, 0);
      const isWritten = await this.#write(workspaceId, batch).catch(() => false);
      this.#count -= count;
      if (!isWritten) this.#options.onSkipped?.(count);
    }
    this.#waiting.delete(workspaceId);
    if (this.#waiting.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #write(workspaceId: string, batch: readonly JudgedTriggers[]): Promise<boolean> {
    const { policies } = this.#options;
    let reading = await this.#transitions.readShadow(workspaceId);
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const kept = this.#recordIn(reading);
      const firstAt = Math.min(...batch.map(({ at }) => at));
      const observed = await this.#observeAll(
        kept ?? beginRecord(policies.revision, firstAt),
        batch,
        this.#policyOf(workspaceId, reading),
        reading.cycleMs ?? DEFAULT_CYCLE_MS,
      );
      const written = await this.#transitions.writeShadow(workspaceId, {
        version: reading.version,
        record: JSON.stringify(observed.record),
        since: kept === undefined ? firstAt : undefined,
        ttlMs: KEPT_MS,
      });
      if (written === "kept") {
        for (const tell of observed.told) tell();
        return true;
      }
      reading = written;
    }
    return false;
  }

  async #observeAll(
    from: ShadowRecord,
    batch: readonly JudgedTriggers[],
    policy: PolicySet["common"],
    cycleMs: number,
  ): Promise<{ record: ShadowRecord; told: (() => void)[] }> {
    const { onCompared, onCycles, onSkipped } = this.#options;
    const told: (() => void)[] = [];
    let record = from;
    for (const { source, count, first, rest, at, duringCycle } of batch) {
      for (let i = 0; i < count; i += 1) {
        const active = i === 0 ? first : rest;
        const {
          record: next,
          verdict,
          cycles,
        }: Observed = await observeTrigger(record, { source, at, active, duringCycle }, policy, cycleMs);
        record = next;
        told.push(() => {
          if (verdict === undefined) onSkipped?.(1);
          else onCompared?.({ source, active: active.decision, shadow: verdict.decision });
          if (cycles > 0) onCycles?.(cycles);
        });
      }
    }
    return { record, told };
  }

  /** What other policies made of it is of no use. */
  #recordIn({ record }: ShadowReading): ShadowRecord | undefined {
    if (record === undefined) return undefined;
    const parsed = JSON.parse(record) as ShadowRecord;
    return parsed.revision === this.#options.policies.revision ? parsed : undefined;
  }

  #policyOf(id: string, { runtime, tags }: ShadowReading) {
    return policyFor(this.#options.policies.policies, { id, runtime, tags });
  }
}
