import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

/** Its input ends when we say so or when this process dies, however it dies: then it ends what is left. */
const SCRIPT = `
pids=
while read -r what pid; do
  case $what in
    watch) pids="$pids $pid" ;;
    gone) left=; for each in $pids; do [ "$each" = "$pid" ] || left="$left $each"; done; pids=$left ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
rm -rf "$1" || { sleep 0.3; rm -rf "$1"; }
`;

export interface Guard {
  watch(pid: number): void;
  gone(pid: number): void;
  /** Ends what is left and removes the directory. */
  finish(): Promise<void>;
}

/** A shell beside us that leaves nothing behind, even when this process is killed. */
export function startGuard(directory: string): Guard {
  // In a session of its own: Ctrl-C must not end it first.
  const stdio = ["pipe", "ignore", "ignore"] as const;
  const shell = spawn("sh", ["-c", SCRIPT, "chaos-guard", directory], { stdio: [...stdio], detached: true });
  const ended = once(shell, "exit");
  const input = shell.stdin as Socket;
  shell.unref();
  input.unref();
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
