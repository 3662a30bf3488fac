/**
 * Replicas and workers as they run in production, in one process: coordinators and `Cycles`, each on a connection of its
 * own, in real time. A worker's cycle waits until the test finishes it, so that nothing depends on how long anything takes.
 */

import { RestartCoordinator } from "../../src/coordinator.ts";
import type { AttemptResult, CycleLease } from "../../src/cycles/cycle-lease.ts";
import { Cycles } from "../../src/cycles/cycles.ts";
import { Installation } from "../../src/installation/installation.ts";
import type { Policy } from "../../src/policy/policy.ts";
import type { TriggerRequest } from "../../src/triggers/trigger-request.ts";
import type { TestRedis } from "./redis.ts";

/** A cycle that has begun and waits for `finish`. */
export interface Started {
  readonly lease: CycleLease;
  /** Which of the workers runs it. */
  readonly worker: number;
  finish(result?: AttemptResult): void;
}

export class Fleet {
  readonly coordinators: readonly RestartCoordinator[];
  /** Every cycle that was begun, in order. */
  readonly #started: Started[] = [];
  readonly #workers: readonly Cycles[];
  readonly #drains = new Map<Promise<void>, string>();
  readonly #waiting: ((started: Started) => void)[] = [];
  #unseen = 0;
  #calls = 0;
  #hints = 0;

  constructor(own: TestRedis, policy: Policy, { replicas = 3, workers = 2 } = {}) {
    const shared = { prefix: own.prefix, policy, leaseMs: 60_000 };
    const onDue = ({ workspaceId, delayMs }: { workspaceId: string; delayMs: number }) => {
      if (delayMs === 0) this.hint(workspaceId);
    };
    const connections = Array.from({ length: replicas + workers }, () => own.connect());
    this.coordinators = connections
      .slice(0, replicas)
      .map((redis) => new RestartCoordinator(new Installation({ ...shared, redis }), { onDue }));
    this.#workers = connections
      .slice(replicas)
      .map((redis, i) => new Cycles(new Installation({ ...shared, redis }), { worker: `worker ${i}` }));
  }

  /** The next replica in turn. */
  get coordinator(): RestartCoordinator {
    this.#calls += 1;
    return this.coordinators[this.#calls % this.coordinators.length] as RestartCoordinator;
  }

  async register(...ids: string[]): Promise<void> {
    for (const id of ids) await this.coordinator.registry.register(id, {});
  }

  trigger(id: string, source: string, more: Partial<TriggerRequest> = {}) {
    return this.coordinator.trigger(id, { source, ...more });
  }

  /** Lets the next worker in turn look at a workspace, as a job does. */
  hint(id: string): void {
    this.#hints += 1;
    const drain = this.#drain(id, this.#hints % this.#workers.length);
    this.#drains.set(drain, id);
    void drain.finally(() => this.#drains.delete(drain));
  }

  /** The next cycle that begins, or has begun and was not asked for yet. */
  next(): Promise<Started> {
    const begun = this.#started[this.#unseen];
    this.#unseen += 1;
    if (begun !== undefined) return Promise.resolve(begun);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  cyclesOf(id: string): readonly Started[] {
    return this.#started.filter(({ lease }) => lease.workspaceId === id);
  }

  /** Resolves once a worker that drained this workspace is done with it. */
  async ended(id: string): Promise<void> {
    await Promise.race([...this.#drains].filter(([, of]) => of === id).map(([drain]) => drain));
  }

  /** Resolves once no worker has anything to do any more. */
  async drained(): Promise<void> {
    while (this.#drains.size > 0) await Promise.all(this.#drains.keys());
  }

  async #drain(id: string, worker: number): Promise<void> {
    for (;;) {
      const begun = await (this.#workers[worker] as Cycles).begin(id);
      if (begun.kind !== "begun") return;
      const result = await new Promise<AttemptResult>((resolve) => {
        const finish = (ended: AttemptResult = { outcome: "ok" }) => resolve(ended);
        const started = { lease: begun.lease, worker, finish };
        this.#started.push(started);
        this.#waiting.shift()?.(started);
      });
      await begun.lease.end(result);
    }
  }
}
