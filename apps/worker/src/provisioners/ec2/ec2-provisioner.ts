import type { Sighting } from "@restart-coordinator/debounce";
import {
  checkEc2Defaults,
  checkEc2Spec,
  type Ec2Spec,
  ec2SpecShape,
  explain,
  type ResolvedEc2Spec,
  type StrategyName,
} from "@restart-coordinator/provisioner-specs";
import type { Cycle, PlannedCycle, Preflight, Provisioner, RestartResult, Workspace } from "../provisioner.ts";
import { ProvisionerError } from "../provisioner.ts";
import type { Ec2Api, Instance } from "./api.ts";
import { courseFor } from "./course.ts";
import { provisionerErrorOf } from "./errors.ts";
import { findCurrent, isLive, knownBy, stopInstance } from "./instances.ts";
import { type Ec2Journal, ec2JournalOf, hasReached, IN_PLACE, instanceOf, startJournal } from "./journal.ts";
import { discardAll, settle } from "./launching.ts";
import { preflight } from "./preflight.ts";
import { DEFAULT_TIMING, Run, type Timing } from "./run.ts";
import { describe, see } from "./sighting.ts";
import { reboot } from "./strategies/reboot.ts";
import { recreate } from "./strategies/recreate.ts";
import { removeOld } from "./strategies/remove-old.ts";
import { replace } from "./strategies/replace.ts";
import { replaceRoot } from "./strategies/replace-root.ts";
import { stopStart } from "./strategies/stop-start.ts";
import { cycleTags, TAG } from "./tags.ts";
import { resolveTemplate } from "./template.ts";

export interface Ec2Options {
  readonly api: Ec2Api;
  /** Names this coordinator in an AWS account that several may share: the tags carry it. */
  readonly owner: string;
  /** For every workspace whose spec does not say otherwise. */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly timing?: Partial<Timing>;
}

/** Resolves to the id of the workspace's instance, ready. */
const STRATEGIES: Readonly<Record<StrategyName, (run: Run) => Promise<string>>> = {
  replace,
  recreate,
  "stop-start": stopStart,
  "replace-root": replaceRoot,
  reboot,
};

/**
 * A workspace is an EC2 instance.
 *
 * Guaranteed: whichever workers die at whichever instruction, a cycle that ends well leaves exactly one live instance of
 * the workspace: the one it resolves to. Only instances that are recorded (in the journal or the registry) and carry our
 * tags are terminated, stopped or rebooted. Nothing is destroyed before EC2 has said that it could be built again.
 *
 * Not guaranteed: EC2 cannot check a fencing token. A worker that was paused between the journal and its call makes that
 * one call late. A late launch repeats a client token, so it answers with the instance that is known, unless the cycle
 * went on to another token meanwhile: then `reconcile` finds the orphan. A late stop is undone by the start that waits for it.
 */
export class Ec2Provisioner implements Provisioner {
  readonly name = "ec2";
  readonly #api: Ec2Api;
  readonly #owner: string;
  readonly #defaults: Ec2Spec;
  readonly #timing: Timing;

  /** @throws Error on bad defaults, naming the field */
  constructor({ api, owner, defaults, timing }: Ec2Options) {
    this.#api = api;
    this.#owner = owner;
    this.#defaults = checkEc2Defaults(defaults);
    this.#timing = { ...DEFAULT_TIMING, ...timing };
  }

  /** Follows the strategy from where the journal says that it got to. */
  async restart(cycle: Cycle): Promise<RestartResult> {
    const spec = this.#specOf(cycle.workspace);
    const left = ec2JournalOf(cycle.journal ?? cycle.leftover);
    const isOwn = left?.cycleId === cycle.id && (await this.#holds(left, cycle));
    const journal = isOwn ? left : startJournal(cycle.id, spec.strategy, left);
    const run = this.#run(cycle, spec, journal);
    if (journal.step === "CLEANING" || journal.step === "PLANNED") {
      await this.#plan(run, cycle.journal !== undefined);
    }
    const id = await STRATEGIES[run.journal.course as StrategyName](run);
    const instance = await run.look(id);
    await run.record("DONE");
    return { instance: shown(id, instance, run) };
  }

  /**
   * Terminates the workspace's instance, its data volumes detached first. With a strategy that keeps the instance it is
   * only stopped, unless the workspace is being removed.
   */
  async stop(cycle: Cycle): Promise<void> {
    const spec = this.#specForStopping(cycle.workspace);
    const left = ec2JournalOf(cycle.journal ?? cycle.leftover);
    const isOwn = left?.cycleId === cycle.id && left.course === "stop";
    const run = this.#run(cycle, spec, isOwn ? left : startJournal(cycle.id, "stop", left));
    if (!run.hasReached("PLANNED")) {
      const current = await this.#clean(run);
      await run.record("PLANNED", { old: current?.id, discard: [] });
    }
    const { old } = run.journal;
    if (old !== undefined && IN_PLACE.has(spec.strategy) && cycle.action !== "remove") {
      await run.record("STOPPING");
      await stopInstance(run, old);
    } else if (!run.hasReached("OLD_GONE")) {
      await removeOld(run, { fully: true });
    }
    await run.record("DONE");
  }

  /** Online: the recorded instance (or the only one with our tags) is ready now, as the spec's readiness says. */
  async status(workspace: Workspace): Promise<Sighting> {
    try {
      const identity = { owner: this.#owner, workspaceId: workspace.id };
      const { readiness } = this.#specForStopping(workspace);
      return await see({ api: this.#api, identity, workspace, readiness });
    } catch (error) {
      throw provisionerErrorOf({ workspaceId: workspace.id, call: "status" }, error);
    }
  }

  effectiveSpec(spec: Workspace["spec"]): Readonly<Record<string, unknown>> | undefined {
    const checked = checkEc2Spec(spec, this.#defaults);
    return checked.ok ? checked.spec : undefined;
  }

  /** No: a spec that does not hold, something that does not exist, a protected instance, a missing permission. */
  async preflight(cycle: PlannedCycle): Promise<Preflight> {
    const checked = checkEc2Spec(cycle.workspace.spec, this.#defaults);
    if (!checked.ok) return { ok: false, reason: explain(checked.problems) };
    const { spec } = checked;
    return this.#examine(cycle, spec, startJournal(cycle.id, spec.strategy, ec2JournalOf(cycle.leftover)));
  }

  #examine(cycle: PlannedCycle, spec: ResolvedEc2Spec, journal: Ec2Journal): Promise<Preflight> {
    return preflight({ cycle, api: this.#api, owner: this.#owner, spec, known: knownBy(journal, cycle.workspace) });
  }

  #run(cycle: Cycle, spec: ResolvedEc2Spec, journal: Ec2Journal): Run {
    return new Run({ cycle, api: this.#api, owner: this.#owner, spec, timing: this.#timing, journal });
  }

  /** Whether to go on from this journal: not when the instance that it counts on was taken away meanwhile. */
  async #holds(journal: Ec2Journal, cycle: Cycle): Promise<boolean> {
    const counted = IN_PLACE.has(journal.course) || hasReached(journal, "CUTOVER") ? instanceOf(journal) : undefined;
    if (counted === undefined) return true;
    const found = await this.#api.describeInstances([counted], { signal: cycle.signal }).catch((error) => {
      throw provisionerErrorOf({ workspaceId: cycle.workspace.id, call: "DescribeInstances", about: counted }, error);
    });
    return isLive(found.get(counted));
  }

  /** Nothing of this cycle's has been touched yet. `isResumed`: the core has not asked the pre-flight this time. */
  async #plan(run: Run, isResumed: boolean): Promise<void> {
    const { cycle, spec } = run;
    const current = await this.#clean(run);
    const template = await run.ask("DescribeLaunchTemplateVersions", undefined, (options) =>
      resolveTemplate(this.#api, run.workspaceId, spec, options),
    );
    const course = courseFor(run.workspaceId, spec, current, template);
    if (isResumed) {
      const answer = await this.#examine(cycle, spec, run.journal);
      if (!answer.ok) throw new ProvisionerError(`the pre-flight says no: ${answer.reason}`, { retryable: true });
    }
    cycle.safePoint();
    await run.record("PLANNED", { course, old: current?.id, discard: [] });
  }

  /** Does away with what earlier cycles left behind, and finds the workspace's instance. */
  async #clean(run: Run): Promise<Instance | undefined> {
    while (run.journal.inDoubt.length > 0 || run.journal.discard.length > 0) {
      const [launch, ...inDoubt] = run.journal.inDoubt;
      await run.record("CLEANING");
      if (launch === undefined) {
        await discardAll(run);
        break;
      }
      const id = await settle(run, launch);
      const { discard } = run.journal;
      await run.record("CLEANING", {
        inDoubt,
        discard: id === undefined ? discard : [...discard, { id, at: launch.at }],
      });
    }
    const known = knownBy(run.journal, run.cycle.workspace);
    return run.ask("DescribeInstances", undefined, (options) => findCurrent(this.#api, run.identity, known, options));
  }

  #specOf(workspace: Workspace): ResolvedEc2Spec {
    const checked = checkEc2Spec(workspace.spec, this.#defaults);
    if (checked.ok) return checked.spec;
    throw new ProvisionerError(`workspace ${workspace.id}: ${explain(checked.problems)}`, { retryable: false });
  }

  /** A spec that does not hold must not be in the way of stopping: what of it holds is kept. */
  #specForStopping(workspace: Workspace): ResolvedEc2Spec {
    const checked = checkEc2Spec(workspace.spec, this.#defaults);
    if (checked.ok) return checked.spec;
    const given: Record<string, unknown> = { ...this.#defaults, ...workspace.spec };
    const holding = Object.entries(ec2SpecShape.shape).filter(([name, field]) => field.safeParse(given[name]).success);
    const spec = ec2SpecShape.parse(Object.fromEntries(holding.map(([name]) => [name, given[name]])));
    return { ...spec, strategy: spec.strategy ?? "recreate", strategyGiven: spec.strategy !== undefined };
  }
}

/** What is remembered as the running instance, and shown to people. */
function shown(id: string, instance: Instance | undefined, run: Run): Readonly<Record<string, unknown>> {
  return {
    instanceId: id,
    strategy: run.journal.course,
    cycleId: run.cycle.id,
    fencingToken: instance?.tags[TAG.fencingToken] ?? cycleTags(run.cycle)[TAG.fencingToken],
    ...describe(instance),
  };
}
