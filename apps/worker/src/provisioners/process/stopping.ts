import { setTimeout as sleep } from "node:timers/promises";
import { ProvisionerError } from "../provisioner.ts";
import type { ControlDirectory } from "./control-directory.ts";
import { isLeaderAlive, type ProcessRecord } from "./identity.ts";

const pollMs = 25;
/**
 * How long the kernel may take over a SIGKILL, in ms: only a process stuck in a device or a dead mount takes longer.
 */
const killTimeoutMs = 5_000;

export interface Stopping {
  readonly workspaceId: string;
  readonly fencingToken: number;
  readonly stopTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Told before SIGKILL. */
  readonly onKill: () => void;
}

/**
 * Sends SIGTERM to the recorded process's group, and SIGKILL after `stopTimeoutMs`; resolves once none of the group
 * lives, at once when none did. Throws a retryable ProvisionerError when it survives SIGKILL or runs elsewhere.
 */
export async function stopProcess(control: ControlDirectory, record: ProcessRecord, options: Stopping): Promise<void> {
  const { fencingToken, signal } = options;
  if ((await control.signal(fencingToken, "TERM", signal)) === "gone") return;
  if (await isGoneWithin(options.stopTimeoutMs, control, record, signal)) return;
  options.onKill();
  if ((await control.signal(fencingToken, "KILL", signal)) === "gone") return;
  if (await isGoneWithin(killTimeoutMs, control, record, signal)) return;
  throw new ProvisionerError(`workspace ${options.workspaceId}: process ${record.pid} survives SIGKILL`, {
    retryable: true,
  });
}

async function isGoneWithin(
  timeoutMs: number,
  control: ControlDirectory,
  record: ProcessRecord,
  signal: AbortSignal,
): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    // The leader is watched cheaply; only once it is dead is the rest of its group looked for.
    if (!isLeaderAlive(record) && (await control.look()) === "gone") return true;
    if (performance.now() >= until) return false;
    await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
