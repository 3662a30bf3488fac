import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Output } from "./output.ts";

export interface CommandCall {
  readonly argv: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly killAfterMs: number;
  /** Its command is ended when this fires, and the call rejects with the reason. */
  readonly signal: AbortSignal;
  /** Never in the output. */
  readonly secrets: readonly string[];
}

export type CommandEnd =
  | { readonly kind: "exited"; readonly exitCode: number; readonly output: string }
  | { readonly kind: "killed"; readonly by: NodeJS.Signals; readonly output: string }
  | { readonly kind: "timed-out"; readonly afterMs: number; readonly output: string }
  | { readonly kind: "not-started"; readonly error: string; readonly output: string };

const POLL_MS = 25;
/** How long the kernel may take over a SIGKILL, ms: only a process stuck in a device takes longer. */
const KILL_WITHIN_MS = 5_000;

/**
 * Runs one command in a process group of its own, until it exits. Past its time, or when the signal fires, the whole
 * group gets SIGTERM, and SIGKILL `killAfterMs` later. What a command that exits by itself leaves behind is left alone.
 * @throws the reason of the signal, once it has fired
 */
export async function runCommand(call: CommandCall): Promise<CommandEnd> {
  const { argv, env, timeoutMs, killAfterMs, signal, secrets } = call;
  const output = await Output.open();
  const over = new AbortController();
  try {
    signal.throwIfAborted();
    const child = await launch(argv, env, output);
    if (child.kind === "not-started") return { ...child, output: "" };
    const timedOut = sleep(timeoutMs, "timed-out" as const, { signal: over.signal });
    const aborted = once(signal, "abort", { signal: over.signal }).then(() => "aborted" as const);
    for (const loser of [timedOut, aborted]) loser.catch(() => {});
    const first = await Promise.race([child.exited, timedOut, aborted]);
    if (first === "timed-out" || first === "aborted") {
      await endGroup(child.pid, killAfterMs);
      await Promise.race([child.exited, sleep(KILL_WITHIN_MS)]);
      if (first === "aborted") throw signal.reason;
      return { kind: "timed-out", afterMs: timeoutMs, output: await output.tail(secrets) };
    }
    const [exitCode, by] = first;
    const printed = await output.tail(secrets);
    if (by !== null) return { kind: "killed", by, output: printed };
    return { kind: "exited", exitCode: exitCode ?? 1, output: printed };
  } finally {
    over.abort();
    await output.close();
  }
}

type Launched =
  | { readonly kind: "running"; readonly pid: number; readonly exited: Promise<[number | null, NodeJS.Signals | null]> }
  | { readonly kind: "not-started"; readonly error: string };

async function launch(argv: readonly string[], env: CommandCall["env"], output: Output): Promise<Launched> {
  try {
    const [file, ...args] = argv as [string, ...string[]];
    const child = spawn(file, args, { cwd: "/", env, detached: true, stdio: ["ignore", output.fd, output.fd] });
    const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
    // Rejects when it could not be started: the only error of a child that nobody sends anything.
    if (child.pid === undefined) await exited;
    return { kind: "running", pid: child.pid as number, exited };
  } catch (error) {
    return { kind: "not-started", error: codeOf(error as Error) };
  }
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

/** Resolves once nothing of the group is left, or all of it was told to die. */
async function endGroup(group: number, killAfterMs: number): Promise<void> {
  kill(group, "SIGTERM");
  if (!(await isGoneWithin(killAfterMs, group))) kill(group, "SIGKILL");
}

async function isGoneWithin(ms: number, group: number): Promise<boolean> {
  const until = performance.now() + ms;
  while (kill(group, 0)) {
    if (performance.now() >= until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Signals the group, and tells whether anything of it is left. */
function kill(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    // One that changed its user is there all the same.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
