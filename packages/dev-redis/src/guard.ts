import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

/**
 * Reads "watch PID" and "gone PID"; its input ends when we say so or when this process dies, however it dies. Then it ends
 * what is left of the watched, whatever $2 says, and the directory $1.
 */
const SCRIPT = `
pids=
while read -r what pid; do
  case $what in
    watch) pids="$pids $pid" ;;
    gone) left=; for each in $pids; do [ "$each" = "$pid" ] || left="$left $each"; done; pids=$left ;;
  esac
done
for pid in $pids; do kill -s KILL "$pid"; done
eval "$2"
[ -z "$1" ] || rm -rf "$1" || { sleep 0.3; rm -rf "$1"; }
`;

export interface GuardOptions {
  /** Removed at the end. */
  readonly directory?: string;
  /** Shell commands run once the watched are ended: they know them as $pids, and the directory as $1. */
  readonly afterwards?: string;
}

export interface Guard {
  /** A process to take along. */
  watch(pid: number | undefined): void;
  /** It has ended by itself: its number may be another's from now on. */
  gone(pid: number | undefined): void;
  /** Ends what is left and removes the directory. Resolves when that is done. */
  finish(): Promise<void>;
}

/**
 * A shell beside us that leaves nothing behind once this process is gone. An 'exit' listener would not do: SIGKILL, and a
 * SIGTERM nobody listens to, never reach it.
 */
export function startGuard({ directory = "", afterwards = "" }: GuardOptions): Guard {
  // In a session of its own, so that Ctrl-C does not end the guard before the guarded.
  const shell = spawn("sh", ["-c", SCRIPT, "guard", directory, afterwards], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const ended = once(shell, "exit");
  const input = shell.stdin as Socket;
  shell.unref();
  input.unref();
  // Somebody killed the guard: what we start can still be ended by us.
  input.on("error", () => {});
  const tell = (what: string, pid: number | undefined): void => {
    if (pid !== undefined) input.write(`${what} ${pid}\n`);
  };
  return {
    watch: (pid) => tell("watch", pid),
    gone: (pid) => tell("gone", pid),
    finish: async () => {
      shell.ref();
      input.end();
      await ended;
    },
  };
}
