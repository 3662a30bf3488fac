/** Starts a worker in somebody's own process: all that it needs is Redis and a provisioner. */
import { hostname } from "node:os";
import {
  Cycles,
  claimProvisioner,
  claimShardCount,
  Installation,
  type InstallationOptions,
  InvalidArgumentError,
  RestartCoordinator,
} from "@restart-coordinator/debounce";
import { Draining } from "./draining.ts";
import type { Log } from "./log.ts";
import { LookLoop } from "./look-loop.ts";
import type { Provisioner } from "./provisioner.ts";
import { WrongInstallationError } from "./wrong-installation-error.ts";

export interface WorkerOptions extends InstallationOptions {
  /** Restarts and stops what a workspace runs on. */
  readonly provisioner: Provisioner;
  /** Names this worker in the records, 1 to 200 characters. Default: host name and process id. */
  readonly name?: string | undefined;
  /** As many workspaces are restarted at a time, 1 to 1,000. Default 4. */
  readonly concurrency?: number | undefined;
  /** How long to wait between two looks for what is due, ms. Default 1,000. */
  readonly lookEveryMs?: number | undefined;
  /** An attempt that takes longer has failed, ms. Default 10 minutes. */
  readonly attemptDeadlineMs?: number | undefined;
  /** How long what is under way may go on at the stop before another worker takes it over, ms. Default 10,000. */
  readonly graceMs?: number | undefined;
  /** Takes away what is left of a workspace that is removed, once it is stopped. It may be called again. */
  readonly removeFiles?: ((workspaceId: string) => Promise<void>) | undefined;
  /** Default: warnings and errors go to the console. */
  readonly log?: Log | undefined;
}

/** A worker that runs. */
export interface Worker {
  readonly name: string;
  /** Looks at a workspace now instead of at the next look: what a coordinator's `onDue` is told can be handed in. */
  wake(hint: { readonly workspaceId: string; readonly delayMs?: number }): void;
  /**
   * Begins nothing more, and resolves once nothing is under way. What is still running after `graceMs` is handed over:
   * another worker goes on from its journal. The connection stays open, it is the caller's.
   */
  stop(): Promise<void>;
}

/**
 * Starts a worker, and resolves once it looks for work. Any number of workers may run side by side.
 *
 * @throws InvalidArgumentError for an option that cannot be used
 * @throws WrongInstallationError when the installation has another number of shards, or another provisioner
 * @throws CoordinatorUnavailableError when Redis does not answer
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { provisioner, name = `${hostname()}:${process.pid}`, log = CONSOLE, ...rest } = options;
  const { concurrency = 4, lookEveryMs = 1_000, attemptDeadlineMs = 600_000, graceMs = 10_000, ...others } = rest;
  const { removeFiles = async () => {}, ...installationOptions } = others;
  need("provisioner", provisioner, typeof provisioner?.restart === "function", "a provisioner");
  needWhole("concurrency", concurrency, 1, 1_000);
  needWhole("lookEveryMs", lookEveryMs, 10, 3_600_000);
  needWhole("attemptDeadlineMs", attemptDeadlineMs, 1, 86_400_000);
  needWhole("graceMs", graceMs, 0, 86_400_000);
  need("removeFiles", removeFiles, typeof removeFiles === "function", "a function");

  const installation = new Installation(installationOptions);
  const cycles = new Cycles(installation, {
    worker: name,
    effectiveSpec: provisioner.effectiveSpec?.bind(provisioner),
  });
  await claim(installation, provisioner.name);
  const { registry } = new RestartCoordinator(installation);
  const draining = new Draining({
    ...{ cycles, provisioner, deadlineMs: attemptDeadlineMs, graceMs, removeFiles, log },
    deleteTraces: (id) => registry.deleteTraces(id),
  });
  const looks = new LookLoop({ cycles, draining, concurrency, everyMs: lookEveryMs, log });
  looks.start();
  return {
    name,
    wake: (hint) => looks.wake(hint),
    async stop() {
      const stopped = looks.stop();
      await draining.stop();
      await stopped;
    },
  };
}

/** Writes down what the installation is, or finds that it is another. */
async function claim({ redis, keys }: Installation, provisioner: string): Promise<void> {
  const { count: shards } = await claimShardCount(redis, keys);
  if (shards !== keys.shards) {
    throw new WrongInstallationError(
      `the installation has ${shards} shards, this worker ${keys.shards}: give it \`shards: ${shards}\`, or another prefix`,
    );
  }
  const claimed = await claimProvisioner(redis, keys, provisioner);
  if (claimed !== provisioner) {
    throw new WrongInstallationError(
      `the installation's workers restart with the provisioner "${claimed}", this one with "${provisioner}": give it that one, or another prefix`,
    );
  }
}

function needWhole(name: string, value: number, least: number, most: number): void {
  const isInRange = Number.isSafeInteger(value) && value >= least && value <= most;
  need(name, value, isInRange, `a whole number from ${least} to ${most}`);
}

function need(name: string, value: unknown, isRight: boolean, expected: string): void {
  if (!isRight)
    throw new InvalidArgumentError(`expected ${name} to be ${expected}, got ${String(value).slice(0, 100)}`);
}

const CONSOLE: Log = {
  info() {},
  warn: (fields, message) => console.warn(message, fields),
  error: (fields, message) => console.error(message, fields),
};
