import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import {
  type Cycle,
  type PlannedCycle,
  type Preflight,
  type Provisioner,
  ProvisionerError,
  type RestartResult,
  type Workspace,
} from "./provisioner.ts";
import { type Effect, type Ledger, MemoryLedger } from "./simulated-ledger.ts";
import { explainIssues } from "./spec-error.ts";

export {
  type Actor,
  type Effect,
  type Ledger,
  type LedgerEntry,
  MemoryLedger,
  RedisLedger,
} from "./simulated-ledger.ts";

const rate = z.number().min(0).max(1);
const duration = z.number().min(0).max(86_400_000);

const settingsSchema = z
  .strictObject({
    /** How long a restart takes, in ms; a pair draws evenly between the two. */
    durationMs: z
      .union([duration, z.tuple([duration, duration])], "expected milliseconds, or a pair of them")
      .default(1_000),
    /** The share of attempts that end in a retryable error, after their duration. */
    failRate: rate.default(0),
    /** The share that end in a permanent error, after their duration. */
    permanentRate: rate.default(0),
    /** The share of pre-flights that say no. */
    declineRate: rate.default(0),
    /** The share that never end, until aborted. */
    hangRate: rate.default(0),
    /** Makes the draws of each workspace the same in every run; they are random without it. */
    seed: z.int().optional(),
  })
  .refine(({ durationMs }) => typeof durationMs === "number" || durationMs[0] <= durationMs[1], {
    path: ["durationMs"],
    message: "the first must not be above the second",
  })
  .refine(({ failRate, permanentRate, hangRate }) => failRate + permanentRate + hangRate <= 1, {
    path: ["failRate"],
    message: "failRate, permanentRate and hangRate must not add up to more than 1",
  });

type Settings = z.output<typeof settingsSchema>;

/** A workspace's spec may override every one of these. */
export type SimulatedSpec = z.input<typeof settingsSchema>;

export type SimulatedOptions = SimulatedSpec & { readonly ledger?: Ledger };

/**
 * Restarts nothing, and writes down what it would have done: for tests, demos and benchmarks. A restart is the effect
 * "begin", a wait, and the effect "end"; the ledger is the resource, and refuses an older fencing token.
 *
 * A resumed attempt does not repeat a "begin" that is known to be in the ledger, and waits only for what was left.
 */
export class SimulatedProvisioner implements Provisioner {
  readonly name = "simulated";
  readonly ledger: Ledger;
  readonly #defaults: SimulatedSpec;
  readonly #draws = new Map<string, number>();

  /** Throws on a bad option, naming it. */
  constructor({ ledger = new MemoryLedger(), ...defaults }: SimulatedOptions = {}) {
    const { success, error } = settingsSchema.safeParse(defaults);
    if (!success) throw new Error(explainIssues("simulated provisioner defaults", error));
    this.ledger = ledger;
    this.#defaults = defaults;
  }

  async restart(cycle: Cycle): Promise<RestartResult> {
    const { workspace, signal, journal } = cycle;
    const settings = this.#settings(workspace);
    signal.throwIfAborted();

    let endsAt = journal?.endsAt;
    if (typeof endsAt === "number") {
      await this.#apply("claim", cycle);
    } else {
      if (journal === undefined) cycle.safePoint();
      await cycle.record({ step: "BEGIN" });
      await this.#apply("begin", cycle);
      endsAt = Date.now() + this.#durationMs(settings, workspace);
      await cycle.record({ step: "RUNNING", endsAt });
    }
    cycle.step("running", { endsAt });
    await pause(Math.max(0, (endsAt as number) - Date.now()), signal);

    const fault = this.#draw(settings, workspace);
    const { hangRate, permanentRate, failRate } = settings;
    if (fault < hangRate) {
      cycle.step("hanging");
      await pause(2 ** 31 - 1, signal);
    }
    if (fault < hangRate + permanentRate + failRate) {
      // The next attempt begins again: what failed is not resumed.
      await cycle.record({ step: "FAILED" });
      const retryable = fault >= hangRate + permanentRate;
      throw new ProvisionerError(`simulated ${retryable ? "" : "permanent "}failure`, { retryable });
    }

    await cycle.record({ step: "END", endsAt });
    await this.#apply("end", cycle);
    return { instance: { simulated: true, cycleId: cycle.id, attempt: cycle.attempt } };
  }

  async stop(cycle: Cycle): Promise<void> {
    cycle.signal.throwIfAborted();
    if (cycle.journal === undefined) cycle.safePoint();
    await cycle.record({ step: "STOP" });
    await this.#apply("stop", cycle);
  }

  /** Online after an "end"; a workspace the ledger does not know is what its instance says. */
  async status(workspace: Workspace): Promise<"online" | "offline"> {
    const last = await this.ledger.lastEffect(workspace.id);
    const online = last === undefined ? workspace.instance !== undefined : last === "end";
    return online ? "online" : "offline";
  }

  async preflight({ workspace }: PlannedCycle): Promise<Preflight> {
    const settings = this.#settings(workspace);
    if (this.#draw(settings, workspace) >= settings.declineRate) return { ok: true };
    return { ok: false, reason: "simulated refusal" };
  }

  async #apply(effect: Effect | "claim", cycle: Cycle): Promise<void> {
    const { attempt, fencingToken, id: cycleId, workspace } = cycle;
    cycle.signal.throwIfAborted();
    const actor = { workspaceId: workspace.id, cycleId, attempt, fencingToken };
    if ((await this.ledger.apply(effect, actor)) === "refused") {
      const message = `workspace ${workspace.id}: refused ("${effect}"): a token above ${fencingToken} has been seen`;
      throw new ProvisionerError(message, { retryable: true });
    }
    cycle.signal.throwIfAborted();
  }

  #settings(workspace: Workspace): Settings {
    const { success, data, error } = settingsSchema.safeParse({ ...this.#defaults, ...workspace.spec });
    if (!success) throw new ProvisionerError(explainIssues("spec", error), { retryable: false });
    return data;
  }

  #durationMs(settings: Settings, workspace: Workspace): number {
    if (typeof settings.durationMs === "number") return settings.durationMs;
    const [from, to] = settings.durationMs;
    return Math.round(from + (to - from) * this.#draw(settings, workspace));
  }

  /** From 0 up to 1. Counted per workspace, so that the order in which workspaces take turns changes nothing. */
  #draw({ seed }: Settings, { id }: Workspace): number {
    if (seed === undefined) return Math.random();
    const count = this.#draws.get(id) ?? 0;
    this.#draws.set(id, count + 1);
    return createHash("sha256").update(`${seed}:${count}:${id}`).digest().readUInt32BE() / 2 ** 32;
  }
}

/** Rejects with the signal's reason as soon as it fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
