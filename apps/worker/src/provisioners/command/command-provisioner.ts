import { setTimeout as sleep } from "node:timers/promises";
import type { Sighting } from "@restart-coordinator/debounce";
import {
  type Argv,
  type CommandSpec,
  checkCommandDefaults,
  checkCommandSpec,
  explain,
  type ResolvedCommandSpec,
} from "@restart-coordinator/provisioner-specs";
import { isExecutable } from "../host-environment.ts";
import {
  type Cycle,
  type PlannedCycle,
  type Preflight,
  type Provisioner,
  ProvisionerError,
  type RestartResult,
  type Workspace,
} from "../provisioner.ts";
import { commandEnvironment, fillIn } from "./command-environment.ts";
import { isPermanent } from "./exit-codes.ts";
import { lastLineOf } from "./output.ts";
import { type CommandEnd, runCommand } from "./run-command.ts";

export interface CommandOptions {
  /** Holds each workspace's files. */
  readonly workspacesDir: string;
  /** For every workspace whose spec does not say otherwise. */
  readonly defaults: CommandSpec;
}

/** What is journalled before a command; STARTED after the last one. FAILED: the next attempt begins from the start. */
type Step = "STOPPING" | "STARTING" | "RESTARTING" | "STARTED" | "FAILED";

const STATUS_EVERY_MS = 1_000;

const WORDS = {
  stop: ["stopping", "stopped"],
  start: ["starting", "started"],
  restart: ["restarting", "restarted"],
} as const;

/**
 * The command provisioner restarts a workspace by the operator's own executables.
 *
 * A command whose worker dies goes on by itself, and the worker that takes the cycle over runs it again: commands must
 * be idempotent. One that was paused past its lease may run at the same time as its successor's; the fencing token in
 * the environment lets a command refuse to be the older one.
 */
export class CommandProvisioner implements Provisioner {
  readonly name = "command";
  readonly #workspacesDir: string;
  readonly #defaults: CommandSpec;
  readonly #running = new Set<Promise<unknown>>();

  /** @throws Error on bad defaults, naming the field */
  constructor({ workspacesDir, defaults }: CommandOptions) {
    checkCommandDefaults(defaults);
    this.#workspacesDir = workspacesDir;
    this.#defaults = defaults;
  }

  /**
   * Goes on with the command that a dead worker was at. What was gone on with once and did not come to an end either is
   * begun from the start.
   */
  async restart(cycle: Cycle): Promise<RestartResult> {
    const spec = this.#spec(cycle.workspace);
    const { journal } = cycle;
    const steps: Step[] = spec.restart ? ["RESTARTING", "STARTED"] : ["STOPPING", "STARTING", "STARTED"];
    const from =
      journal === undefined || journal.resumed === true ? 0 : Math.max(0, steps.indexOf(journal.step as Step));
    const resumed = from > 0;
    let instance = resumed ? journal?.instance : undefined;
    for (const step of steps.slice(from)) {
      await this.#record(cycle, { step, resumed, ...(step === "STARTED" && { instance: instance ?? null }) });
      if (step === "STOPPING") await this.#act("stop", spec.stop, spec, cycle);
      if (step === "STARTING") instance = reported(await this.#act("start", spec.start as Argv, spec, cycle));
      if (step === "RESTARTING") instance = reported(await this.#act("restart", spec.restart as Argv, spec, cycle));
    }
    if (spec.status !== undefined) await this.#untilOnline(spec.status, spec, cycle);
    return { instance: (instance as Record<string, unknown> | null) ?? { startedBy: cycle.id } };
  }

  async stop(cycle: Cycle): Promise<void> {
    const spec = this.#spec(cycle.workspace);
    await this.#record(cycle, { step: "STOPPING" });
    await this.#act("stop", spec.stop, spec, cycle);
  }

  /** Tells what the command `status` says; without one, or if it cannot be started, nothing is known. */
  async status(workspace: Workspace): Promise<Sighting> {
    const spec = this.#spec(workspace);
    if (spec.status === undefined) return { seen: "unknown", detail: "it has no status command" };
    const end = await this.#run(spec.status, spec.probeTimeoutMs, spec, workspace, undefined);
    const detail = `status: ${spec.status[0]} ${howOf(end)}`;
    if (end.kind === "not-started") return { seen: "unknown", detail };
    if (end.kind !== "exited") return { seen: "unhealthy", detail };
    return { seen: end.exitCode === 0 ? "online" : "offline", detail };
  }

  effectiveSpec(spec: Workspace["spec"]): Readonly<Record<string, unknown>> | undefined {
    const checked = checkCommandSpec(spec, this.#defaults);
    return checked.ok ? checked.spec : undefined;
  }

  /** Says no to a spec that does not hold, an executable that is not there, a `preflight` that does not exit with 0. */
  async preflight(cycle: PlannedCycle): Promise<Preflight> {
    const { workspace } = cycle;
    const checked = checkCommandSpec(workspace.spec, this.#defaults);
    if (!checked.ok) return { ok: false, reason: explain(checked.problems) };
    const { spec } = checked;
    const path = commandEnvironment(spec, this.#workspacesDir, workspace, cycle).PATH;
    for (const field of ["stop", "start", "restart", "status", "preflight"] as const) {
      const argv = spec[field];
      if (argv === undefined) continue;
      if (!(await isExecutable(argv[0], path, "/"))) {
        return { ok: false, reason: `spec.${field}: there is no executable ${JSON.stringify(argv[0])}` };
      }
      try {
        fillIn(argv, workspace, cycle);
      } catch (error) {
        return { ok: false, reason: (error as Error).message };
      }
    }
    if (spec.preflight === undefined) return { ok: true };
    cycle.step("checking", { command: spec.preflight[0] });
    const end = await this.#run(spec.preflight, spec.probeTimeoutMs, spec, workspace, cycle);
    const ok = end.kind === "exited" && end.exitCode === 0;
    cycle.step(ok ? "checked" : "check-failed", detailOf(end));
    return ok ? { ok } : { ok, reason: lastLineOf(end.output) || `${spec.preflight[0]} ${howOf(end)}` };
  }

  /** Resolves once no command runs any more: those of aborted cycles get their time to end. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #untilOnline(status: Argv, spec: ResolvedCommandSpec, cycle: Cycle): Promise<void> {
    cycle.step("waiting-until-online", { command: status[0] });
    const until = performance.now() + spec.onlineTimeoutMs;
    for (;;) {
      const end = await this.#run(status, spec.probeTimeoutMs, spec, cycle.workspace, cycle);
      if (end.kind === "exited" && end.exitCode === 0) return cycle.step("online", detailOf(end));
      const isHopeless = end.kind === "not-started" || (end.kind === "exited" && isPermanent(end.exitCode));
      if (isHopeless || performance.now() >= until) {
        cycle.step("not-online", detailOf(end));
        const late = isHopeless ? "" : ` after ${spec.onlineTimeoutMs} ms`;
        return this.#fail(cycle, `not online${late}: ${status[0]} ${howOf(end)}`, end);
      }
      await sleep(STATUS_EVERY_MS, undefined, { signal: cycle.signal }).catch(() => cycle.signal.throwIfAborted());
    }
  }

  /** Runs a command that changes something; what it printed is in the steps. */
  async #act(verb: keyof typeof WORDS, argv: Argv, spec: ResolvedCommandSpec, cycle: Cycle): Promise<string> {
    const [doing, done] = WORDS[verb];
    cycle.step(doing, { command: argv[0] });
    const end = await this.#run(argv, spec.timeoutMs, spec, cycle.workspace, cycle);
    if (end.kind === "exited" && end.exitCode === 0) {
      cycle.step(done, detailOf(end));
      return end.output;
    }
    cycle.step(`${verb}-failed`, detailOf(end));
    return this.#fail(cycle, `${verb}: ${argv[0]} ${howOf(end)}`, end);
  }

  async #fail(cycle: Cycle, message: string, end: CommandEnd): Promise<never> {
    await cycle.record({ step: "FAILED" satisfies Step });
    const said = lastLineOf(end.output);
    const retryable = end.kind === "exited" ? !isPermanent(end.exitCode) : end.kind !== "not-started";
    const whole = `workspace ${cycle.workspace.id}: ${message}${said === "" ? "" : `: ${said}`}`;
    throw new ProvisionerError(whole, { retryable });
  }

  async #record(cycle: Cycle, journal: { step: Step; resumed?: boolean; instance?: unknown }): Promise<void> {
    cycle.signal.throwIfAborted();
    const isFirst = cycle.journal === undefined && (journal.step === "STOPPING" || journal.step === "RESTARTING");
    if (isFirst) cycle.safePoint();
    await cycle.record(journal);
    cycle.signal.throwIfAborted();
  }

  #run(
    argv: Argv,
    timeoutMs: number,
    spec: ResolvedCommandSpec,
    workspace: Workspace,
    cycle: PlannedCycle | undefined,
  ): Promise<CommandEnd> {
    const running = runCommand({
      argv: fillIn(argv, workspace, cycle),
      env: commandEnvironment(spec, this.#workspacesDir, workspace, cycle),
      timeoutMs,
      killAfterMs: spec.killAfterMs,
      signal: cycle?.signal ?? new AbortController().signal,
      secrets: Object.values(spec.env),
    });
    this.#running.add(running);
    return running.finally(() => this.#running.delete(running));
  }

  #spec(workspace: Workspace): ResolvedCommandSpec {
    const checked = checkCommandSpec(workspace.spec, this.#defaults);
    if (checked.ok) return checked.spec;
    throw new ProvisionerError(explain(checked.problems), { retryable: false });
  }
}

function howOf(end: CommandEnd): string {
  switch (end.kind) {
    case "exited":
      return `exited with ${end.exitCode}`;
    case "killed":
      return `was killed by ${end.by}`;
    case "timed-out":
      return `took longer than ${end.afterMs} ms`;
    case "not-started":
      return `could not be started (${end.error})`;
  }
}

function detailOf(end: CommandEnd): Record<string, unknown> {
  const { kind, output, ...rest } = end;
  return { ...(kind !== "exited" && { ended: kind }), ...rest, ...(output !== "" && { output }) };
}

/** A start may say what it started: a JSON object as its last line. */
function reported(output: string): Record<string, unknown> | undefined {
  try {
    const said: unknown = JSON.parse(lastLineOf(output));
    return typeof said === "object" && said !== null && !Array.isArray(said)
      ? (said as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
