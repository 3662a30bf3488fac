import { once } from "node:events";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Journal } from "../../src/provisioners/provisioner.ts";
import { eventually, fencedScript, Harness, isAlive, stateOf, workspaceCommand } from "./process-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

const lastJournal = (lines: ReadonlyArray<{ journal?: Journal }>) => lines.findLast((line) => line.journal)?.journal;

/** Runs fenced.sh as any worker could, and answers what it says. */
async function fenced(verb: string, ...args: string[]): Promise<string> {
  const child = harness.run("sh", [fencedScript, verb, harness.control("."), ...args]);
  return (await text(child.stdout as NodeJS.ReadableStream)).trim();
}

/** Holds the workspace's lock until told to run a command under it. */
async function holdLock(): Promise<{ finishWith: (shell: string) => Promise<void> }> {
  const holder = harness.run("flock", [harness.control("lock"), "sh", "-c", 'echo held; read -r last; eval "$last"']);
  await once(holder.stdout as NodeJS.ReadableStream, "data");
  return {
    finishWith: async (shell) => {
      holder.stdin?.end(`${shell}\n`);
      await once(holder, "exit");
    },
  };
}

describe("a worker that dies at any step", () => {
  const points = [
    "record:CLAIMING",
    "record:STOPPING",
    "step:stopping",
    "step:killing",
    "record:STARTING",
    "step:starting",
    "step:started",
    "record:READY",
  ];

  it.each(points)("(%s) is followed by one that leaves exactly one process, started by the cycle", async (at) => {
    const stubborn = { stopTimeoutMs: 50, env: { STUBBORN: "1", READY_FILE: "ready" } };
    const spec = { ...stubborn, readiness: { kind: "file", path: "ready" } } as const;
    const provisioner = harness.provisioner(spec);
    const old = await provisioner.restart(harness.cycle("c1", 1));

    const given = { ...spec, command: workspaceCommand };
    const doomed = harness.worker({ spec: given, cycleId: "c2", fencingToken: 2, at, signal: "SIGKILL" });
    await doomed.ended;
    expect(doomed.child.signalCode).toBe("SIGKILL");

    const journal = lastJournal(doomed.lines);
    const { instance } = await provisioner.restart(harness.cycle("c2", 3, { attempt: 2, journal }));
    expect(instance.pid).not.toBe(old.instance.pid);
    expect(await harness.live()).toEqual([instance.pid]);
    expect((await harness.environmentOf(instance.pid as number)).RESTART_CYCLE_ID).toBe("c2");
  });

  it("leaves a launched process that the next attempt adopts instead of starting another", async () => {
    const spec = { command: workspaceCommand, readiness: { kind: "started" as const, aliveForMs: 0 } };
    const doomed = harness.worker({ spec, cycleId: "c1", fencingToken: 1, at: "step:started", signal: "SIGKILL" });
    await doomed.ended;
    const [launched] = await harness.live();
    const cycle = harness.cycle("c1", 2, { journal: lastJournal(doomed.lines) });
    const { instance } = await harness.provisioner().restart(cycle);
    expect(instance.pid).toBe(launched);
    expect(cycle.steps.map(({ name }) => name)).toEqual(["adopting"]);
  });

  it("is outlived by the process it started", async () => {
    const spec = { command: workspaceCommand, readiness: { kind: "started" as const, aliveForMs: 0 } };
    const doomed = harness.worker({ spec, cycleId: "c1", fencingToken: 1, at: "record:READY", signal: "SIGKILL" });
    await doomed.ended;
    const workspace = { id: "w1", spec: {}, instance: undefined };
    expect(await harness.provisioner().status(workspace)).toMatchObject({ seen: "online" });
    expect(await harness.live()).toHaveLength(1);
  });
});

describe("a worker that was paused past its lease", () => {
  it.each(["record:STOPPING", "record:STARTING"])("(at %s) can neither signal nor launch", async (at) => {
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle("c1", 1));
    const spec = { command: workspaceCommand, readiness: { kind: "started" as const, aliveForMs: 0 } };
    const late = harness.worker({ spec, cycleId: "c2", fencingToken: 2, at, signal: "SIGSTOP" });
    await eventually(async () => (await stateOf(late.child.pid as number)) === "T");

    const { instance } = await provisioner.restart(harness.cycle("c2", 3, { journal: lastJournal(late.lines) }));
    late.child.kill("SIGCONT");
    await late.ended;
    expect(late.lines.at(-1)?.error).toContain("fencing token 3 has been seen");
    expect(await harness.live()).toEqual([instance.pid]);
  });
});

describe("a stale token", () => {
  it("neither claims, signals, launches nor clears", async () => {
    const provisioner = harness.provisioner();
    const { instance } = await provisioner.restart(harness.cycle("c5", 5));
    await expect(provisioner.restart(harness.cycle("c4", 4))).rejects.toMatchObject({ retryable: true });
    await expect(provisioner.stop(harness.cycle("c4", 4))).rejects.toThrow(/fencing token 5 has been seen/);
    const marker = join(harness.workspacesDir, "launched");
    expect(await fenced("claim", "4")).toBe("superseded 5");
    expect(await fenced("signal", "4", "KILL")).toBe("superseded 5");
    expect(await fenced("launch", "4", harness.workspacesDir, "c4", "touch", marker)).toBe("superseded 5");
    expect(await fenced("clear", "4")).toBe("superseded 5");
    expect(await harness.live()).toEqual([instance.pid]);
    await expect(readFile(marker)).rejects.toThrow("ENOENT");
  });

  it("is refused to a launcher that waited for the lock while a newer one came", async () => {
    await fenced("claim", "1");
    const lock = await holdLock();
    const marker = join(harness.workspacesDir, "launched");
    const launcher = fenced("launch", "1", harness.workspacesDir, "c1", "touch", marker);
    const { ino } = await stat(harness.control("lock"));
    const waiting = new RegExp(`-> FLOCK .*:${ino} `);
    await eventually(async () => waiting.test(await readFile("/proc/locks", "utf8")));
    await lock.finishWith(`echo 2 >${harness.control("token")}`);
    expect(await launcher).toBe("superseded 2");
    await expect(readFile(marker)).rejects.toThrow("ENOENT");
  });

  it("cannot act on a control directory that was removed", async () => {
    expect(await fenced("launch", "1", harness.workspacesDir, "c1", "true")).toBe("unclaimed");
    await mkdir(harness.control("."), { recursive: true });
    expect(await fenced("signal", "1", "KILL")).toBe("unclaimed");
  });
});

describe("the current token", () => {
  it("launches nothing while a process on record lives", async () => {
    const { instance } = await harness.provisioner().restart(harness.cycle("c1", 1));
    expect(await fenced("launch", "1", harness.workspacesDir, "c1", "true")).toBe("running");
    expect(await harness.live()).toEqual([instance.pid]);
  });
});

describe("a forged or foreign record", () => {
  async function forge(change: Record<string, string>): Promise<void> {
    const fields = new Map(
      (await readFile(harness.control("process"), "utf8"))
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    for (const [name, value] of Object.entries(change)) fields.set(name, value);
    await writeFile(harness.control("process"), [...fields].map(([name, value]) => `${name}=${value}\n`).join(""));
  }

  it("does not get a process signalled that merely has the recorded pid", async () => {
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle("c1", 1));
    await provisioner.restart(harness.cycle("c2", 2));
    const record = await readFile(harness.control("process"), "utf8");
    await provisioner.stop(harness.cycle("c3", 3));
    await writeFile(harness.control("process"), record);
    const bystander = harness.run("sleep", ["100"]);
    await forge({ pid: String(bystander.pid) });
    const { instance } = await provisioner.restart(harness.cycle("c4", 4));
    expect(await isAlive(bystander.pid)).toBe(true);
    expect(await harness.live()).toEqual([instance.pid]);
  });

  it("does not get the group of a dead stranger signalled", async () => {
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle("c1", 1));
    const record = await readFile(harness.control("process"), "utf8");
    await provisioner.stop(harness.cycle("c2", 2));
    await writeFile(harness.control("process"), record);
    const leader = harness.run("sh", ["-c", "sleep 100 & echo $!"]);
    const [output] = await once(leader.stdout as NodeJS.ReadableStream, "data");
    const orphan = Number(String(output));
    await eventually(async () => !(await isAlive(leader.pid)));
    await forge({ pid: String(leader.pid) });
    await provisioner.restart(harness.cycle("c3", 3));
    expect(await isAlive(orphan)).toBe(true);
  });

  it("of another boot counts as gone, once nothing holds its lock", async () => {
    const provisioner = harness.provisioner();
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    await forge({ boot: "another-boot", host: "far-away" });
    const workspace = { id: "w1", spec: {}, instance: undefined };
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "online" });
    const refused = await provisioner.restart(harness.cycle("c2", 2)).catch((error) => error);
    expect(refused).toMatchObject({ name: "ProvisionerError", retryable: true });
    expect(refused.message).toMatch(/runs on host far-away.*only a worker there/);
    await expect(provisioner.stop(harness.cycle("c3", 3))).rejects.toThrow(/far-away/);
    expect(await isAlive(instance.pid)).toBe(true);

    process.kill(instance.pid as number, "SIGKILL");
    await eventually(async () => (await provisioner.status(workspace)).seen === "offline");
    const next = await provisioner.restart(harness.cycle("c4", 4));
    expect(await harness.live()).toEqual([next.instance.pid]);
  });
});
