import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sighting } from "@restart-coordinator/debounce";
import {
  checkSimulatedSpec,
  explain,
  type SimulatedSettings,
  type SimulatedSpec,
} from "@restart-coordinator/provisioner-specs";
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

export {
  type Actor,
  type Effect,
  type Ledger,
  type LedgerEntry,
  MemoryLedger,
  RedisLedger,
} from "./simulated-ledger.ts";

export type SimulatedOptions = SimulatedSpec & { readonly ledger?: Ledger };

/**
 * The simulated provisioner restarts nothing, and writes down what it would have done: for tests, demos and benchmarks.
 * A restart is the effect "begin", a wait, and the effect "end"; the ledger is the resource, and refuses an older
 * fencing token.
 *
 * A resumed attempt does not repeat a "begin" that is known to be in the ledger, and waits only for what was left.
 */
export class SimulatedProvisioner implements Provisioner {
  readonly name = "simulated";
  readonly ledger: Ledger;
  readonly #defaults: SimulatedSpec;
  /** The ledger has what other workers did, too. */
  readonly #isWhole: boolean;
  readonly #draws = new Map<string, number>();

  /** @throws Error on a bad option, naming it */
  constructor({ ledger, ...defaults }: SimulatedOptions = {}) {
    const checked = checkSimulatedSpec(defaults, {}, "simulated provisioner defaults");
    if (!checked.ok) throw new Error(explain(checked.problems));
    this.ledger = ledger ?? new MemoryLedger();
    this.#isWhole = ledger !== undefined;
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

  /** Tells that it is online after an "end"; a workspace that the ledger does not know is what its instance says. */
  async status(workspace: Workspace): Promise<Sighting> {
    const last = this.#isWhole ? await this.ledger.lastEffect(workspace.id) : undefined;
    const online = last === undefined ? workspace.instance !== undefined : last === "end";
    if (online) return { seen: "online", detail: "its restart has ended", isOurs: true };
    return { seen: "offline", detail: `the last effect on it is "${last ?? "none"}"` };
  }

  effectiveSpec(spec: Workspace["spec"]): Readonly<Record<string, unknown>> | undefined {
    const checked = checkSimulatedSpec(spec, this.#defaults);
    return checked.ok ? checked.spec : undefined;
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

  #settings(workspace: Workspace): SimulatedSettings {
    const checked = checkSimulatedSpec(workspace.spec, this.#defaults);
    if (checked.ok) return checked.spec;
    throw new ProvisionerError(explain(checked.problems), { retryable: false });
  }

  #durationMs(settings: SimulatedSettings, workspace: Workspace): number {
    if (typeof settings.durationMs === "number") return settings.durationMs;
    const [from, to] = settings.durationMs;
    return Math.round(from + (to - from) * this.#draw(settings, workspace));
  }

  /**
   * Draws a number from 0 up to 1. Counted per workspace, so that the order in which workspaces take turns changes
   * nothing.
   */
  #draw({ seed }: SimulatedSettings, { id }: Workspace): number {
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
