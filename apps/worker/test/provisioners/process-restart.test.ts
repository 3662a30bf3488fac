import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ProcessSpec } from "@restart-coordinator/provisioner-specs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProcessProvisioner, removeControlDirectory } from "../../src/provisioners/process/index.ts";
import { eventually, freePort, Harness } from "./process-harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

async function serving(more: ProcessSpec = {}): Promise<{ spec: ProcessSpec; ask: () => Promise<Answer> }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/ready?{workspaceId}&{cycleId}`;
  const env = { PORT: String(port), ...more.env };
  const ask = async () => (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Answer;
  return { spec: { ...more, env, readiness: { kind: "url", url } }, ask };
}
interface Answer {
  pid: number;
  cycleId: string;
  cwd: string;
  config: string;
}

describe("restart", () => {
  it("replaces the process, and the new one has read the new files", async () => {
    const { spec, ask } = await serving();
    const provisioner = harness.provisioner(spec);
    const files = join(harness.workspacesDir, "w1");
    await mkdir(files);
    await writeFile(join(files, "config.txt"), "old");
    const first = await provisioner.restart(harness.cycle("c1", 1));
    expect(await ask()).toMatchObject({ pid: first.instance.pid, cycleId: "c1", cwd: files, config: "old" });

    await writeFile(join(files, "config.txt"), "new");
    const cycle = harness.cycle("c2", 2);
    const second = await provisioner.restart(cycle);
    expect(await ask()).toMatchObject({ pid: second.instance.pid, cycleId: "c2", config: "new" });
    expect(await harness.live()).toEqual([second.instance.pid]);
    expect(cycle.journals.map(({ step }) => step)).toEqual(["CLAIMING", "STOPPING", "STARTING", "READY"]);
  });

  it("never lets two processes of a workspace live at once", async () => {
    const provisioner = harness.provisioner();
    let most = 0;
    let restarting = true;
    const watching = (async () => {
      while (restarting) most = Math.max(most, await harness.liveGroups());
    })();
    for (let token = 1; token <= 5; token++) await provisioner.restart(harness.cycle(`c${token}`, token));
    restarting = false;
    await watching;
    expect(most).toBe(1);
  });

  it("kills the whole group of a process that ignores SIGTERM", async () => {
    const provisioner = harness.provisioner({ stopTimeoutMs: 100, env: { STUBBORN: "1", CHILD: "1" } });
    await provisioner.restart(harness.cycle("c1", 1));
    await eventually(async () => (await harness.live()).length === 2);
    const cycle = harness.cycle("c2", 2, {
      workspace: { id: "w1", spec: { env: { CHILD: "" } }, instance: undefined },
    });
    const { instance } = await provisioner.restart(cycle);
    expect(cycle.steps.map(({ name }) => name)).toContain("killing");
    expect(await harness.live()).toEqual([instance.pid]);
  });

  it("kills what is left of the group after its leader has died", async () => {
    const provisioner = harness.provisioner({ stopTimeoutMs: 100, env: { CHILD: "1" } });
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    await eventually(async () => (await harness.live()).length === 2);
    process.kill(instance.pid as number, "SIGKILL");
    const [orphan] = await eventually(async () => {
      const pids = await harness.live();
      return pids.length === 1 && pids;
    });
    expect(orphan).not.toBe(instance.pid);
    await provisioner.stop(harness.cycle("c2", 2));
    expect(await harness.live()).toEqual([]);
  });

  it("fails, retryable, with the status and the log of a process that exits before it is ready", async () => {
    const { spec } = await serving({ env: { CRASH: "no such database" } });
    const failure = await harness
      .provisioner(spec)
      .restart(harness.cycle("c1", 1))
      .catch((error) => error);
    expect(failure).toMatchObject({ name: "ProvisionerError", retryable: true });
    expect(failure.message).toMatch(/exited before it was ready \(status 3\)/);
    expect(failure.message).toContain("no such database");
    expect(await harness.live()).toEqual([]);
  });

  it("puts at most the last KiB of the log into the failure", async () => {
    const { spec } = await serving({ env: { CRASH: `first\n${"long line\n".repeat(5_000)}last` } });
    const failure = await harness
      .provisioner(spec)
      .restart(harness.cycle("c1", 1))
      .catch((error) => error);
    expect(failure.message.length).toBeLessThan(1_200);
    expect(failure.message).toMatch(/last$/);
  });

  it("fails when the process is not ready in time, and the next attempt keeps it if it is by then", async () => {
    const readiness = { kind: "file", path: "ready" } as const;
    const provisioner = harness.provisioner({ readiness, startTimeoutMs: 150 });
    const first = harness.cycle("c1", 1);
    await expect(provisioner.restart(first)).rejects.toThrow(/not ready \(file\) 150 ms after its launch/);
    const [pid] = await harness.live();

    await writeFile(join(harness.workspacesDir, "w1", "ready"), "");
    const { instance } = await provisioner.restart(harness.cycle("c1", 2, { journal: first.journals.at(-1) }));
    expect(instance.pid).toBe(pid);
  });

  it("replaces a process that is still not ready at the next attempt", async () => {
    const readiness = { kind: "file", path: "ready" } as const;
    const broken = harness.provisioner({ readiness, startTimeoutMs: 150 });
    await expect(broken.restart(harness.cycle("c1", 1))).rejects.toThrow(/not ready/);
    const [pid] = await harness.live();
    const repaired = harness.provisioner({ readiness, startTimeoutMs: 1_500, env: { READY_FILE: "ready" } });
    const cycle = harness.cycle("c1", 2);
    const { instance } = await repaired.restart(cycle);
    expect(cycle.steps.map(({ name }) => name)).toContain("not-adopted");
    expect(instance.pid).not.toBe(pid);
    expect(await harness.live()).toEqual([instance.pid]);
  });

  it("does not take a readiness file of an earlier process for the new one's", async () => {
    const readiness = { kind: "file", path: "ready" } as const;
    await harness.provisioner({ readiness, env: { READY_FILE: "ready" } }).restart(harness.cycle("c1", 1));
    const silent = harness.provisioner({ readiness, startTimeoutMs: 200 });
    await expect(silent.restart(harness.cycle("c2", 2))).rejects.toThrow(/not ready/);
  });

  it("does not take another process that answers for the new one", async () => {
    const { spec } = await serving();
    const provisioner = harness.provisioner(spec);
    await provisioner.restart(harness.cycle("c1", 1));
    const cycle = harness.cycle("c2", 1, { workspace: { id: "w2", spec: {}, instance: undefined } });
    await expect(provisioner.restart(cycle)).rejects.toThrow(
      /answers already, though no process of the workspace runs/,
    );
    expect(await harness.live("w2")).toEqual([]);
  });

  it("gives the process an allow-list of the worker's environment and its own variables", async () => {
    process.env.REDIS_URL = "redis://:secret@localhost";
    try {
      const provisioner = harness.provisioner({ env: { ENVIRONMENT_FILE: "env.json", MINE: "yes", token: "x" } });
      await provisioner.restart(harness.cycle("c1", 7));
      const path = join(harness.workspacesDir, "w1", "env.json");
      const environment = await eventually(() =>
        readFile(path, "utf8")
          .then(JSON.parse)
          .catch(() => undefined),
      );
      const inherited = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"].filter((name) => process.env[name] !== undefined);
      const given = {
        ENVIRONMENT_FILE: "env.json",
        MINE: "yes",
        token: "x",
        WORKSPACE_ID: "w1",
        WORKSPACE_FILES: join(harness.workspacesDir, "w1"),
        RESTART_CYCLE_ID: "c1",
        RESTART_FENCING_TOKEN: "7",
      };
      // A shell adds PWD and its like; nothing else may come from anywhere.
      for (const name of ["PWD", "OLDPWD", "SHLVL", "_"]) delete environment[name];
      expect(environment).toEqual({
        ...given,
        ...Object.fromEntries(inherited.map((name) => [name, process.env[name]])),
      });
    } finally {
      delete process.env.REDIS_URL;
    }
  });

  it("leaves the log of the run before", async () => {
    const shout = (word: string) => harness.provisioner({ command: ["/bin/sh", "-c", `echo ${word}; exec sleep 100`] });
    await shout("first").restart(harness.cycle("c1", 1));
    await eventually(async () => (await readFile(harness.control("log"), "utf8")) === "first\n");
    await shout("second").restart(harness.cycle("c2", 2));
    await eventually(async () => (await readFile(harness.control("log"), "utf8")) === "second\n");
    expect(await readFile(harness.control("log.previous"), "utf8")).toBe("first\n");
  });

  it("asks for a safe point before anything was touched, and not after", async () => {
    const provisioner = harness.provisioner();
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    const canceled = () => {
      throw new Error("canceled");
    };
    await expect(provisioner.restart(harness.cycle("c2", 2, { safePoint: canceled }))).rejects.toThrow("canceled");
    expect(await harness.live()).toEqual([instance.pid]);
    const journal = { step: "STOPPING", touched: true };
    await provisioner.restart(harness.cycle("c2", 3, { safePoint: canceled, journal }));
  });
});

describe("an aborted restart", () => {
  it("ends its wait for readiness at once with the reason", async () => {
    const provisioner = harness.provisioner({ readiness: { kind: "file", path: "never" } });
    const lease = new AbortController();
    const reason = new Error("lease lost");
    const step = (name: string) => name === "started" && lease.abort(reason);
    const begun = performance.now();
    await expect(provisioner.restart(harness.cycle("c1", 1, { signal: lease.signal, step }))).rejects.toBe(reason);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it("ends its wait for the old process, and neither kills nor launches", async () => {
    const readiness = { kind: "file", path: "up" } as const;
    const provisioner = harness.provisioner({ readiness, env: { STUBBORN: "1", READY_FILE: "up" } });
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    const lease = new AbortController();
    const reason = new Error("lease lost");
    const cycle = harness.cycle("c2", 2, { signal: lease.signal });
    const restarting = expect(provisioner.restart(cycle)).rejects.toBe(reason);
    await eventually(() => existsSync(join(harness.workspacesDir, "w1", "asked-to-stop")));
    lease.abort(reason);
    await restarting;
    expect(cycle.journals.map(({ step }) => step)).toEqual(["CLAIMING", "STOPPING"]);
    expect(await harness.live()).toEqual([instance.pid]);
  });

  it("begins nothing when it was aborted before", async () => {
    const cycle = harness.cycle("c1", 1, { signal: AbortSignal.abort(new Error("too late")) });
    await expect(harness.provisioner().restart(cycle)).rejects.toThrow("too late");
    expect(cycle.journals).toEqual([]);
    expect(await harness.live()).toEqual([]);
  });
});

describe("stop", () => {
  it("stops the process and leaves no record, and is a success when nothing runs", async () => {
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle("c1", 1));
    await provisioner.stop(harness.cycle("c2", 2));
    expect(await harness.live()).toEqual([]);
    await expect(readFile(harness.control("process"))).rejects.toThrow("ENOENT");
    await provisioner.stop(harness.cycle("c3", 3));
    expect((await readFile(harness.control("token"), "utf8")).trim()).toBe("3");
  });

  it("is resumed by the next attempt after its worker died", async () => {
    const provisioner = harness.provisioner();
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    const died = harness.cycle("c2", 2, {
      step: () => {
        throw new Error("died");
      },
    });
    await expect(provisioner.stop(died)).rejects.toThrow("died");
    expect(await harness.live()).toEqual([instance.pid]);
    await provisioner.stop(harness.cycle("c2", 3, { journal: died.journals.at(-1) }));
    expect(await harness.live()).toEqual([]);
  });

  it("needs no valid spec", async () => {
    await harness.provisioner().restart(harness.cycle("c1", 1));
    const workspace = { id: "w1", spec: { comand: "?" }, instance: undefined };
    await harness.provisioner().stop(harness.cycle("c2", 2, { workspace }));
    expect(await harness.live()).toEqual([]);
  });

  it("is followed by the removal of the control directory, but not while a process lives", async () => {
    const provisioner = harness.provisioner();
    await provisioner.restart(harness.cycle("c1", 1));
    expect(await removeControlDirectory(harness.workspacesDir, "w1")).toBe(false);
    await provisioner.stop(harness.cycle("c2", 2));
    expect(await removeControlDirectory(harness.workspacesDir, "w1")).toBe(true);
    expect(await removeControlDirectory(harness.workspacesDir, "w1")).toBe(true);
    await expect(readFile(harness.control("token"))).rejects.toThrow("ENOENT");
    await provisioner.restart(harness.cycle("c3", 3));
  });
});

describe("status", () => {
  it("is online only while the process lives and answers", async () => {
    const { spec } = await serving();
    const provisioner = harness.provisioner(spec);
    const workspace = { id: "w1", spec: {}, instance: undefined };
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "offline" });
    const { instance } = await provisioner.restart(harness.cycle("c1", 1));
    expect(await provisioner.status(workspace)).toMatchObject({ seen: "online" });
    const elsewhere = { ...workspace, spec: { readiness: { kind: "url", url: "http://127.0.0.1:1/" } } };
    expect(await provisioner.status(elsewhere)).toMatchObject({ seen: "unhealthy" });
    process.kill(instance.pid as number, "SIGKILL");
    await eventually(async () => (await provisioner.status(workspace)).seen === "offline");
  });
});

describe("preflight", () => {
  const cycle = (spec: Record<string, unknown>) =>
    harness.cycle("c1", 1, { workspace: { id: "w1", spec, instance: undefined } });

  it("says yes to what can be launched", async () => {
    expect(await harness.provisioner().preflight(cycle({}))).toEqual({ ok: true });
    expect(await harness.provisioner().preflight(cycle({ command: ["sleep", "1"] }))).toEqual({ ok: true });
  });

  it("says no to a missing executable", async () => {
    for (const command of [["no-such-command"], ["./no-such-file"], ["/dev/null"]]) {
      const answer = await harness.provisioner().preflight(cycle({ command }));
      expect(answer).toMatchObject({ ok: false, reason: expect.stringContaining(command[0] as string) });
    }
  });

  it("says no to a bad spec, naming the field", async () => {
    const reason = async (spec: Record<string, unknown>) => {
      const answer = await harness.provisioner().preflight(cycle(spec));
      return answer.ok ? "ok" : answer.reason;
    };
    expect(await reason({ stopTimeoutMs: "soon" })).toContain("spec.stopTimeoutMs:");
    expect(await reason({ readiness: { kind: "url", url: "ftp://x" } })).toContain("spec.readiness.url:");
    expect(await reason({ env: { WORKSPACE_ID: "w2" } })).toContain("spec.env.WORKSPACE_ID:");
    expect(await reason({ comand: [] })).toContain("comand");
    expect(await reason({ command: [] })).toContain("spec.command");
    expect(await reason({ startTimeoutMs: 1, readiness: { kind: "started" } })).toContain("spec.readiness.aliveForMs:");
  });

  it("has bad defaults refused at start-up", () => {
    const bad = { stopTimeoutMs: -1 };
    expect(() => new ProcessProvisioner({ workspacesDir: "/nowhere", defaults: bad })).toThrow(
      /defaults.stopTimeoutMs/,
    );
  });
});
