import type { Sighting } from "@restart-coordinator/debounce";
import {
  checkProcessDefaults,
  checkProcessSpec,
  explain,
  type ProcessSpec,
  type ResolvedProcessSpec,
  readinessOf,
  stopTimeoutOf,
} from "@restart-coordinator/provisioner-specs";
import { baseEnvironment, isExecutable } from "../host-environment.ts";
import type { Cycle, Journal, PlannedCycle, Preflight, Provisioner, RestartResult, Workspace } from "../provisioner.ts";
import { ProvisionerError } from "../provisioner.ts";
import { ControlDirectory } from "./control-directory.ts";
import { DeathWatch } from "./death-watch.ts";
import { launchEnvironment } from "./environment.ts";
import { isLeaderAlive, isLocal, type ProcessRecord } from "./identity.ts";
import { answers, waitUntilReady } from "./readiness.ts";
import { describe, see } from "./sighting.ts";
import { stopProcess } from "./stopping.ts";

export interface ProcessOptions {
  /** Holds each workspace's files and, in `.control/`, what decides who may act on its process. */
  readonly workspacesDir: string;
  /** For every workspace whose spec does not say otherwise. */
  readonly defaults: ProcessSpec;
}

type Step = "CLAIMING" | "STOPPING" | "STARTING" | "READY" | "STOPPED";

/**
 * The process provisioner makes a workspace a local child process, in its own session, working in
 * `<workspacesDir>/<workspaceId>/`. It outlives the worker that started it (though not the worker's container, nor a
 * systemd unit without `KillMode=process`), and any worker of the same host and PID namespace can take it over.
 *
 * Guaranteed: the old process group is gone before the new process is launched, and at most one launch per workspace is
 * alive, whichever workers die or are paused at whichever instruction. An attempt with an older fencing token than the
 * highest seen neither signals nor launches. Nothing but the recorded process and its group is ever signalled.
 *
 * Not guaranteed: that a process which left the group (setsid, a daemon) is stopped; that the log stays small while the
 * process runs (it is rotated at each launch, keeping the last MiB of the one before); that workers of several hosts
 * can share a directory whose file system does not share flock among them, or whose commands close descriptor 8.
 */
export class ProcessProvisioner implements Provisioner {
  readonly name = "process";
  readonly #workspacesDir: string;
  readonly #defaults: ProcessSpec;
  #watch: DeathWatch | undefined;

  /** @throws Error on any system but Linux, and on bad defaults, naming the field */
  constructor({ workspacesDir, defaults }: ProcessOptions) {
    if (process.platform !== "linux") {
      throw new Error(`the process provisioner needs Linux (flock, /proc); this is ${process.platform}`);
    }
    checkProcessDefaults(defaults);
    this.#workspacesDir = workspacesDir;
    this.#defaults = defaults;
  }

  /**
   * Stops what runs, starts it again, waits until it is ready. What the directory has on record decides how to resume,
   * being newer than any journal: a process that an earlier attempt at this very cycle launched is kept if it becomes
   * ready, and replaced otherwise.
   */
  async restart(cycle: Cycle): Promise<RestartResult> {
    const spec = this.#specOf(cycle.workspace);
    const { control, found, journal } = await this.#claim(cycle);
    if (found !== undefined && found.cycleId === cycle.id && isLocal(found) && isLeaderAlive(found)) {
      if (await this.#adopt(cycle, control, found, spec)) {
        await journal("READY");
        return { instance: describe(found) };
      }
    }
    if (found !== undefined) {
      await journal("STOPPING");
      await this.#stop(cycle, control, found);
    }
    // Whoever answers now is not the new process, and could be taken for it.
    if (
      spec.readiness.kind === "url" &&
      (await answers(spec.readiness.url, cycle.workspace.id, cycle.id, cycle.signal))
    ) {
      const message = `${spec.readiness.url} answers already, though no process of the workspace runs`;
      throw new ProvisionerError(message, { retryable: true });
    }
    await journal("STARTING");
    const record = await this.#start(cycle, control, spec);
    await journal("READY");
    return { instance: describe(record) };
  }

  /** Leaves the highest token seen and the log; `removeControlDirectory` takes those away. */
  async stop(cycle: Cycle): Promise<void> {
    const { control, found, journal } = await this.#claim(cycle);
    await journal("STOPPING");
    if (found !== undefined) await this.#stop(cycle, control, found);
    await control.clear(cycle.fencingToken, cycle.signal);
    await journal("STOPPED");
  }

  /** Tells whether the process lives (wherever it runs) and, with `url` readiness, answers within 2 s. */
  status(workspace: Workspace): Promise<Sighting> {
    const control = new ControlDirectory(this.#workspacesDir, workspace.id);
    const readiness = readinessOf(workspace.spec, this.#defaults);
    return see({ workspace, control, readiness, watch: this.#watch });
  }

  watch(told: (workspaceId: string) => void): void {
    this.#watch = new DeathWatch(told);
  }

  /** Watches no more. */
  close(): void {
    this.#watch?.close();
  }

  effectiveSpec(spec: Workspace["spec"]): Readonly<Record<string, unknown>> | undefined {
    const checked = checkProcessSpec(spec, this.#defaults);
    return checked.ok ? checked.spec : undefined;
  }

  /** Says no to a spec that does not hold, an executable that is not there, no flock. */
  async preflight({ workspace }: PlannedCycle): Promise<Preflight> {
    try {
      const { command, env } = this.#specOf(workspace);
      const { filesDir } = new ControlDirectory(this.#workspacesDir, workspace.id);
      const executable = command[0];
      if (!(await isExecutable(executable, baseEnvironment(env).PATH, filesDir))) {
        return { ok: false, reason: `spec.command: there is no executable ${JSON.stringify(executable)}` };
      }
      if (!(await isExecutable("flock", `/usr/local/bin:/usr/bin:/bin:${process.env.PATH}`, "/"))) {
        return { ok: false, reason: "flock (util-linux) is not installed" };
      }
      return { ok: true };
    } catch (error) {
      if (error instanceof ProvisionerError) return { ok: false, reason: error.message };
      throw error;
    }
  }

  /** @throws ProvisionerError (permanent) naming each bad field */
  #specOf(workspace: Workspace): ResolvedProcessSpec {
    const checked = checkProcessSpec(workspace.spec, this.#defaults);
    if (checked.ok) return checked.spec;
    throw new ProvisionerError(explain(checked.problems), { retryable: false });
  }

  /** Shuts older attempts out, then looks: only then can what it finds no longer change. */
  async #claim(cycle: Cycle) {
    const control = new ControlDirectory(this.#workspacesDir, cycle.workspace.id);
    // Whether this cycle may already have signalled or launched: then there is no way back to how it was.
    let touched = cycle.journal?.touched === true;
    const journal = async (step: Step) => {
      cycle.signal.throwIfAborted();
      if (!touched && step !== "CLAIMING") {
        cycle.safePoint();
        touched = true;
      }
      await cycle.record({ step, touched } satisfies Journal);
      cycle.signal.throwIfAborted();
    };
    await journal("CLAIMING");
    await control.claim(cycle.fencingToken, cycle.signal);
    const found = await control.record();
    touched ||= found?.cycleId === cycle.id;
    return { control, found, journal };
  }

  async #adopt(cycle: Cycle, control: ControlDirectory, record: ProcessRecord, spec: ResolvedProcessSpec) {
    cycle.step("adopting", { pid: record.pid });
    try {
      const awaited = { workspaceId: cycle.workspace.id, control, record, exited: undefined };
      await waitUntilReady(awaited, spec, cycle.signal);
      return true;
    } catch (error) {
      cycle.signal.throwIfAborted();
      if (!(error instanceof ProvisionerError)) throw error;
      cycle.step("not-adopted", { reason: error.message });
      return false;
    }
  }

  async #stop(cycle: Cycle, control: ControlDirectory, record: ProcessRecord) {
    const stopTimeoutMs = stopTimeoutOf(cycle.workspace.spec, this.#defaults);
    cycle.step("stopping", { pid: record.pid });
    await stopProcess(control, record, {
      workspaceId: cycle.workspace.id,
      fencingToken: cycle.fencingToken,
      stopTimeoutMs,
      signal: cycle.signal,
      onKill: () => cycle.step("killing", { pid: record.pid, afterMs: stopTimeoutMs }),
    });
  }

  async #start(cycle: Cycle, control: ControlDirectory, spec: ResolvedProcessSpec): Promise<ProcessRecord> {
    const workspaceId = cycle.workspace.id;
    const { fencingToken, id: cycleId, signal } = cycle;
    const env = launchEnvironment(spec.env, { workspaceId, filesDir: control.filesDir, cycleId, fencingToken });
    const { begun } = control.launch({ fencingToken, cycleId, command: spec.command, env });
    cycle.step("starting");
    const launched = await abortable(begun, signal);
    cycle.step("started", { pid: launched.record.pid });
    this.#watch?.launched(workspaceId, launched.record, launched.exited);
    await waitUntilReady({ workspaceId, control, ...launched }, spec, signal);
    return launched.record;
  }
}

/** Rejects with the signal's reason as soon as it fires; what was begun goes on by itself. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
