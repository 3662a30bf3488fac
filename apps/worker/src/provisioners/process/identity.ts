import { readFileSync, readlinkSync } from "node:fs";

/**
 * A process that was launched, as the control directory records it. Together these fields never name another process.
 */
export interface ProcessRecord {
  readonly pid: number;
  /** Clock ticks from boot to the fork (field 22 of /proc/PID/stat): tells a reused pid. */
  readonly startTicks: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly host: string;
  readonly cycleId: string;
  readonly fencingToken: number;
  /** When it was launched, in ms since the epoch, by the file system's clock. */
  readonly launchedAt: number;
}

/** This process' own, which stay as they are. */
let here: { readonly bootId: string; readonly pidNamespace: string } | undefined;

/**
 * Tells whether the pid in the record means anything to this worker: same boot of the same kernel, same PID namespace.
 */
export function isLocal(record: ProcessRecord): boolean {
  here ??= {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
  return record.bootId === here.bootId && record.pidNamespace === here.pidNamespace;
}

/**
 * Tells whether the very process that was launched is alive; only for a local record. The rest of its group may outlive
 * it: `ControlDirectory.look` knows.
 */
export function isLeaderAlive(record: ProcessRecord): boolean {
  const stat = readProc(record.pid, "stat");
  if (stat === undefined) return false;
  // The name, in parentheses, may hold anything: the words are counted from behind it.
  const words = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return words[19] === record.startTicks && words[0] !== "Z" && words[0] !== "X";
}

/**
 * Tells whether the launcher has become the workspace's command: before that it is alive, but may yet find no
 * executable.
 */
export function hasBecomeCommand(record: ProcessRecord, launcher: string): boolean {
  const commandLine = readProc(record.pid, "cmdline");
  return commandLine !== undefined && commandLine.split("\0")[1] !== launcher;
}

function readProc(pid: number, file: "stat" | "cmdline"): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
