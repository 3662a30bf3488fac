/** The API as a process of its own, as `node apps/api/dist/main.js` is. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { program } from "../../../../tests/setup/programs.ts";

export class ApiProcess {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";
  /** The exit code, once all it printed was read. */
  readonly ended: Promise<number | null>;

  constructor(env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [program("apps/api/src/main.ts")], {
      cwd: fileURLToPath(new URL("../../../..", import.meta.url)),
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  /** The log, a line each. */
  get log(): Record<string, unknown>[] {
    const lines = this.stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Undefined until it listens. */
  get port(): number | undefined {
    const url = this.log.find(({ url }) => typeof url === "string")?.url;
    return url === undefined ? undefined : Number(new URL(String(url)).port);
  }
}
