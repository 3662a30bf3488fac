import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

/** Its input ends when we say so or when this process dies, however it dies: only then does the shell go on. */
const SCRIPT = `while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
rm -rf "$1"`;

export interface Guard {
  /** The process to take along; `undefined` when it has ended by itself. */
  watch(pid: number | undefined): void;
  /** Ends the watched process and removes the directory. */
  finish(): Promise<void>;
}

/**
 * A shell beside us that ends a server and removes its directory once this process is gone. An 'exit' listener would not
 * do: SIGKILL, and a SIGTERM nobody listens to, never reach it.
 */
export function startGuard(directory: string): Guard {
  // In a session of its own, so that Ctrl-C does not end the guard before the guarded.
  const shell = spawn("sh", ["-c", SCRIPT, "dev-redis-guard", directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  const ended = once(shell, "exit");
  const input = shell.stdin as Socket;
  shell.unref();
  input.unref();
  // Somebody killed the guard: the server can still be stopped by us.
  input.on("error", () => {});
  return {
    watch: (pid) => {
      input.write(`${pid ?? ""}\n`);
    },
    finish: async () => {
      shell.ref();
      input.end();
      await ended;
    },
  };
}
