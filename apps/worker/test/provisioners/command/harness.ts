import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { CommandSpec } from "@restart-coordinator/provisioner-specs";
import { program } from "../../../../../tests/setup/programs.ts";
import { CommandProvisioner } from "../../../src/provisioners/command/index.ts";
import type { Cycle, Journal } from "../../../src/provisioners/provisioner.ts";
import { type TestCycle, testCycle } from "../test-cycle.ts";

export interface DoomedOptions {
  readonly workspacesDir: string;
  readonly spec: CommandSpec;
  readonly cycleId: string;
  readonly fencingToken: number;
}

/** A directory of executables and of what they note in it. */
export class Harness {
  static async create(): Promise<Harness> {
    return new Harness(await mkdtemp(join(tmpdir(), "command-provisioner-")));
  }

  readonly directory: string;
  readonly #started: ChildProcess[] = [];

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** An executable shell script; `$NOTES` is where it may note what it does, `$DIR` where it is. */
  async script(name: string, body: string): Promise<[string]> {
    const path = this.path(name);
    await writeFile(path, `#!/bin/sh\nDIR=${this.directory}\nNOTES=${this.path("notes")}\n${body}\n`);
    await chmod(path, 0o755);
    return [path];
  }

  /** A script that notes its name. */
  noting(name: string, more = ""): Promise<[string]> {
    return this.script(name, `echo ${name} >>"$NOTES"\n${more}`);
  }

  async notes(): Promise<string[]> {
    const text = await readFile(this.path("notes"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  provisioner(defaults: CommandSpec = {}): CommandProvisioner {
    return new CommandProvisioner({ workspacesDir: this.directory, defaults });
  }

  /** A cycle of workspace w1, unless told otherwise. */
  cycle(spec: CommandSpec, given: Partial<Cycle> = {}): TestCycle {
    return testCycle({ workspace: { id: "w1", spec, instance: undefined }, ...given });
  }

  /** Runs a restart of w1 in a worker process of its own, which prints each journal as a line of JSON. */
  worker(options: Omit<DoomedOptions, "workspacesDir">): {
    child: ChildProcess;
    journals: Journal[];
    ended: Promise<void>;
  } {
    const all: DoomedOptions = { workspacesDir: this.directory, ...options };
    const main = program("apps/worker/test/provisioners/command/fixtures/doomed-worker.ts");
    const child = spawn(process.execPath, [main, JSON.stringify(all)], { stdio: ["ignore", "pipe", "inherit"] });
    this.#started.push(child);
    const journals: Journal[] = [];
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on("line", (line) => journals.push(JSON.parse(line) as Journal));
    const ended = Promise.all([
      new Promise((done) => child.once("exit", done)),
      new Promise((done) => lines.once("close", done)),
    ]).then(() => undefined);
    return { child, journals, ended };
  }

  async close(): Promise<void> {
    for (const child of this.#started) child.kill("SIGKILL");
    await rm(this.directory, { recursive: true, force: true });
  }
}
