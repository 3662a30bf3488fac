import { spawn } from "node:child_process";
import { constants } from "node:os";

const SAME_KEYPRESS_MS = 1_000;
const LAST_OUTPUT_WITHIN_MS = 1_000;
const PARENT_WATCH_MS = 250;

/**
 * Runs a command to its end and resolves to `{code, signal, output}`; `quiet` keeps its output instead of showing it.
 *
 * The command gets a process group of its own. One Ctrl-C reaches us several times (from the terminal and from npm), and
 * to many programs a second one means "at once, untidily": so only we pass it on, once. Asked again, we kill the group.
 * Whatever the command leaves behind in its group ends with it.
 */
export function run([command, ...args], { quiet = false, stdin = "ignore", env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: [stdin, ...(quiet ? ["pipe", "pipe"] : ["inherit", "inherit"])],
      env: { ...process.env, ...env },
      detached: true,
    });
    let output = "";
    const collect = (text) => {
      output += text;
    };
    child.stdout?.setEncoding("utf8").on("data", collect);
    child.stderr?.setEncoding("utf8").on("data", collect);

    let askedAt;
    let asked;
    const passOn = (signal) => {
      if (askedAt === undefined) {
        asked = signal;
        askedAt = performance.now();
        child.kill(signal);
      } else if (performance.now() - askedAt > SAME_KEYPRESS_MS) {
        killGroup(child.pid);
      }
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, passOn);
    // npm passes SIGTERM on to the shell between it and us, and no further: we notice that the shell is gone.
    const { npm_lifecycle_event: startedByNpm } = process.env;
    const parent = process.ppid;
    const parentWatch = setInterval(() => {
      if (!startedByNpm || process.ppid === parent) return;
      clearInterval(parentWatch);
      passOn("SIGTERM");
    }, PARENT_WATCH_MS);
    const listenNoMore = () => {
      clearInterval(parentWatch);
      for (const signal of signals) process.off(signal, passOn);
    };
    child.once("error", (error) => {
      listenNoMore();
      reject(new Error(`${command} could not be started: ${error.message}`));
    });
    child.once("exit", (code, signal) => {
      killGroup(child.pid);
      const finish = () => {
        listenNoMore();
        // A command that tidied up and exited with 0 was interrupted all the same: the next step must not start.
        resolve({ code, signal: asked ?? signal, output });
      };
      // The last output may still be in the pipes; but a service that apt started may hold them open for ever.
      const patience = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, LAST_OUTPUT_WITHIN_MS);
      child.once("close", () => {
        clearTimeout(patience);
        finish();
      });
    });
  });
}

/** As a shell would report it. */
export function exitCodeOf({ code, signal }) {
  return signal ? 128 + constants.signals[signal] : code;
}

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
