import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

/**
 * Reads "watch PID" and "gone PID"; its input ends when we say so or when this process dies, however it dies. Then it
 * ends what is left of the watched, the workspaces' processes (on record in .control, and told by the directory on their
 * command line), and the directory. The pause lets a launcher that a worker left become the process it launches.
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
[ -z "$pids" ] || sleep 0.3
for record in "$1"/workspaces/.control/*/process; do
  [ -f "$record" ] || continue
  pid=$(sed -n 's/^pid=//p' "$record")
  if tr '\\0' '\\n' <"/proc/$pid/cmdline" | grep -qF "$1"; then kill -s KILL -- "-$pid"; fi
done
rm -rf "$1" || { sleep 0.3; rm -rf "$1"; }
`;

export interface Guard {
  watch(pid: number): void;
  gone(pid: number): void;
  /** Ends what is left and removes the directory. Resolves when that is done. */
  finish(): Promise<void>;
}

/** A shell beside us that leaves nothing behind, even when this process is killed. */
export function startGuard(directory: string): Guard {
  // In a session of its own: Ctrl-C must not end it first.
  const shell = spawn("sh", ["-c", SCRIPT, "demo-guard", directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const ended = once(shell, "exit");
  const input = shell.stdin as Socket;
  shell.unref();
  input.unref();
  // Somebody killed it: then what we start is ended by us alone.
  input.on("error", () => {});
  return {
    watch: (pid) => input.write(`watch ${pid}\n`),
    gone: (pid) => input.write(`gone ${pid}\n`),
    finish: async () => {
      shell.ref();
      input.end();
      await ended;
    },
  };
}
