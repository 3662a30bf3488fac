/** What a worker sees of the workspaces, and records. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Look, Observations, Recorded, Sighting } from "@restart-coordinator/debounce";
import type { WorkerMetrics } from "@restart-coordinator/service";
import type { Logger } from "pino";
import type { Provisioner, Workspace } from "../provisioners/provisioner.ts";
import { atMost } from "./at-most.ts";

export interface LookoutParts {
  readonly observations: Observations;
  readonly provisioner: Provisioner;
  /** Looks under way at a time. */
  readonly atOnce: number;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

/** Between the looks that must agree before a workspace is down, ms. */
const AGAIN_AFTER_MS = 1_000;

/** A lookout looks at each workspace in its turn, and out of turn where something may have happened to it. */
export class Lookout {
  readonly #parts: LookoutParts;
  /** Workspaces that are looked at again and again until it is clear how they are. */
  readonly #doubted = new Map<string, Promise<void>>();

  constructor(parts: LookoutParts) {
    this.#parts = parts;
  }

  /** Looks at those of a shard whose turn it is. @throws CoordinatorUnavailableError */
  async pass(shard: number, intervalMs: number, stopping: AbortSignal): Promise<void> {
    const { observations, atOnce, provisioner } = this.#parts;
    for (;;) {
      const looks = await observations.turn(shard, intervalMs);
      const alive: Look[] = [];
      await atMost(atOnce, looks, async (look) => {
        if (stopping.aborted) return;
        if (observations.isLeft(look)) {
          await observations.record(look, { seen: "unknown", detail: `not run by ${provisioner.name}` });
          return;
        }
        const sighting = await this.#see(look, stopping);
        if (sighting === undefined) return;
        if (sighting.seen === "online") await observations.compare(look);
        if (observations.isAsKnown(look, sighting)) alive.push(look);
        else this.#settle(look, sighting, stopping);
      });
      if (alive.length > 0) await observations.stillAlive(shard, alive);
      if (looks.length < observations.mostAtATurn || stopping.aborted) return;
    }
  }

  /** Looks at one out of turn: something may have happened to it. Never rejects. */
  async lookNow(workspaceId: string, stopping: AbortSignal): Promise<void> {
    const { observations, logger } = this.#parts;
    try {
      const look = await observations.look(workspaceId);
      const sighting = await this.#see(look, stopping);
      if (sighting === undefined || observations.isAsKnown(look, sighting)) return;
      this.#settle(look, sighting, stopping);
    } catch (error) {
      logger.warn({ err: error, workspaceId }, "what happened to a workspace is seen when its turn comes");
    }
  }

  /** Resolves once nothing is under way; what it doubts is left to whoever looks next. */
  async idle(): Promise<void> {
    await Promise.all(this.#doubted.values());
  }

  /** Undefined where there is nothing to look at, or no time left for it. */
  async #see(look: Look, stopping: AbortSignal): Promise<Sighting | undefined> {
    const { observations, provisioner, metrics, logger } = this.#parts;
    if (!observations.isWorthwhile(look)) return undefined;
    const looked = provisioner.status(workspaceOf(look)).catch((error: Error): Sighting => {
      logger.debug({ err: error, workspaceId: look.workspaceId }, "a workspace could not be looked at");
      return { seen: "unknown", detail: error.message || "no reason given" };
    });
    const sighting = await orStopped(looked, stopping);
    if (sighting === undefined) return undefined;
    metrics.observed(sighting.seen);
    return sighting;
  }

  /** Records what is certain; what may pass is looked at again first. */
  #settle(look: Look, sighting: Sighting, stopping: AbortSignal): void {
    const { workspaceId } = look;
    if (this.#doubted.has(workspaceId)) return;
    const { logger } = this.#parts;
    const settled = this.#untilClear(look, sighting, stopping)
      .catch((error) => {
        if (!stopping.aborted) logger.warn({ err: error, workspaceId }, "what was seen of a workspace is not recorded");
      })
      .finally(() => this.#doubted.delete(workspaceId));
    this.#doubted.set(workspaceId, settled);
  }

  async #untilClear(first: Look, sighted: Sighting, stopping: AbortSignal): Promise<void> {
    const { observations } = this.#parts;
    const since = first.lookedAt;
    let [look, sighting]: [Look, Sighting | undefined] = [first, sighted];
    for (let looks = 1; isDoubtful(look, sighting, looks); looks += 1) {
      await sleep(AGAIN_AFTER_MS, undefined, { signal: stopping });
      look = await observations.look(first.workspaceId);
      sighting = await this.#see(look, stopping);
      if (sighting === undefined || sighting.seen === "unknown") return;
    }
    this.#tell(look, sighting, await observations.record(look, sighting, since));
  }

  #tell({ workspaceId }: Look, { seen, detail, stray }: Sighting, recorded: Recorded): void {
    const { logger } = this.#parts;
    if (recorded.kind === "stopping")
      logger.warn({ workspaceId, detail }, "a workspace runs that should not: it is stopped");
    if (recorded.kind !== "recorded" || recorded.change === undefined) return;
    const level = recorded.change === "down" || recorded.change === "stray" ? "warn" : "info";
    logger[level]({ workspaceId, seen, detail, stray }, `observed: ${recorded.change}`);
  }
}

/** A look may take long: the stop does not wait for it. */
function orStopped<Value>(value: Promise<Value>, stopping: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(undefined);
    if (stopping.aborted) stop();
    stopping.addEventListener("abort", stop, { once: true });
    value.then(resolve, reject).finally(() => stopping.removeEventListener("abort", stop));
  });
}

/** One that is known to be down, or that should not run at all, is not doubted. */
function isDoubtful({ facts, policy }: Look, { seen, isCertain }: Sighting, looks: number): boolean {
  if (seen === "online" || seen === "unknown" || isCertain === true) return false;
  return facts.desired === "running" && facts.downAt === undefined && looks < policy.downAfter;
}

function workspaceOf({ workspaceId: id, facts }: Look): Workspace {
  const parsed = (json: string | undefined) =>
    json === undefined ? undefined : (JSON.parse(json) as Record<string, unknown>);
  return { id, spec: parsed(facts.spec) ?? {}, instance: parsed(facts.instance) };
}
