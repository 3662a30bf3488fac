import { stat } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessReadiness, ResolvedProcessSpec } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import { type ControlDirectory, fencedScript } from "./control-directory.ts";
import { hasBecomeCommand, isLeaderAlive, type ProcessRecord } from "./identity.ts";

/** How long one answer may take, in ms. */
const probeTimeoutMs = 2_000;
const pollMs = 50;

export interface Awaited {
  readonly workspaceId: string;
  readonly control: ControlDirectory;
  readonly record: ProcessRecord;
  /** How it ended; undefined for an adopted process, whose parent is another worker. */
  readonly exited: Promise<string> | undefined;
}

/**
 * Resolves once the recorded process is ready and still alive. Throws a retryable ProvisionerError with the end of its
 * log when it exits first, or is not ready `startTimeoutMs` after its launch: one look is always taken, and the process
 * is left running. Rejects with the signal's reason as soon as that fires.
 */
export async function waitUntilReady(awaited: Awaited, spec: ResolvedProcessSpec, signal: AbortSignal): Promise<void> {
  const { record } = awaited;
  const readBy = record.launchedAt + spec.startTimeoutMs;
  for (;;) {
    const ready = hasBecomeCommand(record, fencedScript) && (await isReady(awaited, spec.readiness, signal));
    signal.throwIfAborted();
    // Asked after the probe: an answer counts only if the new process was alive to give it.
    if (!isLeaderAlive(record)) throw await exitedTooSoon(awaited);
    if (ready) return;
    if (Date.now() >= readBy) throw await notReady(awaited, spec);
    await sleep(pollMs, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

/** Tells whether a GET of the readiness URL is answered with 2xx within 2 s. */
export function answers(url: string, workspaceId: string, cycleId: string, signal?: AbortSignal): Promise<boolean> {
  const target = new URL(
    url
      .replaceAll("{workspaceId}", encodeURIComponent(workspaceId))
      .replaceAll("{cycleId}", encodeURIComponent(cycleId)),
  );
  const { get } = target.protocol === "https:" ? https : http;
  return new Promise((answered) => {
    // No agent: a connection kept open would be one for every idle workspace.
    const request = get(target, { agent: false, signal }, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      answered(status >= 200 && status < 300);
    });
    // A timer of its own: on Node 20 what AbortSignal.any makes may never fire once the collector has run.
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), probeTimeoutMs);
    request.once("close", () => clearTimeout(timer));
    request.on("error", () => answered(false));
  });
}

async function isReady(awaited: Awaited, readiness: ProcessReadiness, signal: AbortSignal): Promise<boolean> {
  const { record, control, workspaceId } = awaited;
  switch (readiness.kind) {
    case "started":
      return Date.now() - record.launchedAt >= readiness.aliveForMs;
    case "url":
      return answers(readiness.url, workspaceId, record.cycleId, signal);
    case "file":
      // The inode's change time: a file of an earlier process cannot pass, whatever was done to its modification time.
      return stat(resolve(control.filesDir, readiness.path)).then(
        (file) => file.ctimeMs >= record.launchedAt,
        () => false,
      );
  }
}

async function exitedTooSoon({ workspaceId, control, exited }: Awaited): Promise<ProvisionerError> {
  // The kernel shows the death a moment before the event loop tells how.
  const unknown = sleep(200).then(() => "unknown status");
  const how = await (exited ? Promise.race([exited, unknown]) : "unknown status");
  return failure(`workspace ${workspaceId}: the process exited before it was ready (${how})`, await control.logTail());
}

async function notReady({ workspaceId, control }: Awaited, spec: ResolvedProcessSpec): Promise<ProvisionerError> {
  const what = `workspace ${workspaceId}: the process was not ready (${spec.readiness.kind})`;
  return failure(`${what} ${spec.startTimeoutMs} ms after its launch, and is left running`, await control.logTail());
}

function failure(message: string, log: string): ProvisionerError {
  return new ProvisionerError(log === "" ? message : `${message}; the end of its log:\n${log}`, { retryable: true });
}
