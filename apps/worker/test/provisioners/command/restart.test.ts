import { readFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ProvisionerError } from "../../../src/provisioners/provisioner.ts";
import { eventually, isAlive } from "../process-harness.ts";
import { Harness } from "./harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Scripts that note their names. */
const noting = async () => ({ stop: await harness.noting("stop"), start: await harness.noting("start") });

describe("a restart", () => {
  test("stops, then starts, journalling before each", async () => {
    const spec = await noting();
    const cycle = harness.cycle(spec);
    await harness.provisioner().restart(cycle);
    expect(await harness.notes()).toEqual(["stop", "start"]);
    expect(cycle.journals.map(({ step }) => step)).toEqual(["STOPPING", "STARTING", "STARTED"]);
    expect(cycle.steps.map(({ name }) => name)).toEqual(["stopping", "stopped", "starting", "started"]);
  });

  test("is one command where the spec has restart, and waits until status says that it serves", async () => {
    const status = await harness.script(
      "status",
      'echo asked >>"$NOTES"; [ -e "$DIR/up" ] || { touch "$DIR/up"; exit 3; }',
    );
    const spec = { stop: await harness.noting("stop"), restart: await harness.noting("restart"), status };
    const cycle = harness.cycle(spec);
    await harness.provisioner().restart(cycle);
    expect(await harness.notes()).toEqual(["restart", "asked", "asked"]);
    expect(cycle.steps.at(-1)).toEqual({ name: "online", detail: { exitCode: 0 } });
  });

  test("tells each command the workspace, the cycle and the token, and nothing else of the worker's", async () => {
    process.env.SECRET_OF_THE_WORKER = "x";
    const start = await harness.script("start", 'env | LC_ALL=C sort >"$DIR/environment"; echo "$@" >>"$NOTES"');
    const spec = {
      stop: ["true"] as [string],
      start: [...start, "{workspaceId}@{cycleId}"] as [string, string],
      env: { OWN: "1" },
    };
    await harness.provisioner().restart(harness.cycle(spec, { id: "c9", attempt: 2, fencingToken: 77 }));
    delete process.env.SECRET_OF_THE_WORKER;
    const text = await readFile(harness.path("environment"), "utf8");
    const environment = Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    expect(environment).toMatchObject({
      WORKSPACE_ID: "w1",
      WORKSPACE_FILES: harness.path("w1"),
      RESTART_ACTION: "restart",
      RESTART_CYCLE_ID: "c9",
      RESTART_ATTEMPT: "2",
      RESTART_FENCING_TOKEN: "77",
      OWN: "1",
    });
    expect(environment).not.toHaveProperty("SECRET_OF_THE_WORKER");
    expect(await harness.notes()).toEqual(["w1@c9"]);
  });

  test("reports as the instance what the start prints as JSON in its last line", async () => {
    const start = await harness.script("start", `echo starting; echo '{"container":"abc"}'`);
    const { instance } = await harness.provisioner().restart(harness.cycle({ stop: ["true"], start }));
    expect(instance).toEqual({ container: "abc" });
  });

  test("does not wait for what a start leaves running in the background", async () => {
    const start = await harness.script("start", 'sleep 60 & echo $! >"$DIR/pid"; echo up');
    const cycle = harness.cycle({ stop: ["true"], start });
    await harness.provisioner().restart(cycle);
    const pid = Number(await readFile(harness.path("pid"), "utf8"));
    expect(await isAlive(pid)).toBe(true);
    process.kill(pid, "SIGKILL");
    expect(cycle.steps.at(-1)?.detail).toEqual({ exitCode: 0, output: "up" });
  });
});

describe("what a command prints", () => {
  test("is in the steps: its end, both streams, without colours and in whole lines", async () => {
    const body = `i=0; while [ $i -lt 400 ]; do echo "line $i äöü"; i=$((i + 1)); done
printf '\\033[31mred\\033[0m\\n' >&2; printf 'progress 1\\rprogress 2\\n\\000'`;
    const start = await harness.script("start", body);
    const cycle = harness.cycle({ stop: ["true"], start });
    await harness.provisioner().restart(cycle);
    const output = String(cycle.steps.at(-1)?.detail.output);
    expect(Buffer.byteLength(output)).toBeLessThanOrEqual(2_048);
    expect(Buffer.byteLength(output)).toBeGreaterThan(1_900);
    const lines = output.split("\n");
    expect(lines[0]).toMatch(/^line \d+ äöü$/);
    expect(lines.slice(-4)).toEqual(["line 399 äöü", "red", "progress 1", "progress 2"]);
  });

  test("is cut between characters when it is one long line", async () => {
    const start = await harness.script("start", `i=0; while [ $i -lt 2000 ]; do printf '€'; i=$((i + 1)); done`);
    const cycle = harness.cycle({ stop: ["true"], start });
    await harness.provisioner().restart(cycle);
    expect(cycle.steps.at(-1)?.detail.output).toMatch(/^€{682}$/);
  });

  test("shows none of the values in the spec's env", async () => {
    const start = await harness.script(
      "start",
      'echo "logging in with $PASSPHRASE"; echo "$KEY" >&2; echo "bad $PASSPHRASE" >&2; exit 1',
    );
    const env = { PASSPHRASE: "hunter2hunter2", KEY: "-----BEGIN KEY-----\nMIIabcdefgh\n-----END KEY-----" };
    const cycle = harness.cycle({ stop: ["true"], start, env });
    const error = await harness
      .provisioner()
      .restart(cycle)
      .catch((caught: Error) => caught);
    expect((error as Error).message).toMatch(/: start: .* exited with 1: bad \[redacted\]$/);
    const told = JSON.stringify(cycle.steps);
    expect(told).toContain("logging in with [redacted]");
    expect(told).not.toMatch(/hunter2|MIIabc/);
  });
});

describe("a command that fails", () => {
  test.each([
    [1, true],
    [75, true],
    [64, false],
    [77, false],
    [78, false],
    [126, false],
    [127, false],
  ])("with exit code %i is retryable: %s", async (exitCode, retryable) => {
    const start = await harness.script("start", `echo broken; exit ${exitCode}`);
    const cycle = harness.cycle({ stop: ["true"], start });
    const error = await harness
      .provisioner()
      .restart(cycle)
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(ProvisionerError);
    expect(error).toMatchObject({ retryable, message: expect.stringMatching(/^workspace w1: start: .*: broken$/) });
    expect(cycle.steps.at(-1)).toEqual({ name: "start-failed", detail: { exitCode, output: "broken" } });
    expect(cycle.journals.at(-1)?.step).toBe("FAILED");
  });

  test("is not gone on with: the next attempt begins with the stop", async () => {
    const spec = {
      stop: await harness.noting("stop"),
      start: await harness.noting("start", '[ -e "$DIR/once" ] || { touch "$DIR/once"; exit 1; }'),
    };
    const first = harness.cycle(spec);
    await expect(harness.provisioner().restart(first)).rejects.toThrow(/exited with 1/);
    await harness.provisioner().restart(harness.cycle(spec, { attempt: 2, journal: first.journals.at(-1) }));
    expect(await harness.notes()).toEqual(["stop", "start", "stop", "start"]);
  });

  test("by not being there any more fails for good", async () => {
    const cycle = harness.cycle({ stop: ["/nowhere/stop"], start: ["true"] });
    await expect(harness.provisioner().restart(cycle)).rejects.toMatchObject({ retryable: false });
  });

  test("by never coming online is told with what status said", async () => {
    const status = await harness.script("status", "echo still booting; exit 3");
    const spec = { stop: ["true"] as [string], start: ["true"] as [string], status, onlineTimeoutMs: 1 };
    await expect(harness.provisioner().restart(harness.cycle(spec))).rejects.toThrow(
      /not online after 1 ms: .*status exited with 3: still booting$/,
    );
  });
});

describe("a command that takes too long", () => {
  const stubborn = `trap 'echo asked >>"$NOTES"' TERM
(trap '' TERM; echo child >>"$NOTES"; while [ -e "$NOTES" ]; do sleep 0.05; done) & echo $! >"$DIR/child"
echo ready >>"$NOTES"; while [ -e "$NOTES" ]; do sleep 0.05; done`;
  const child = async () => {
    return Number(await readFile(harness.path("child"), "utf8").catch(() => -1));
  };

  test("has failed, is ended, and can be retried", async () => {
    const start = await harness.script(
      "start",
      'echo $$ >"$DIR/child"; while [ -e "$DIR/child" ]; do echo working; sleep 0.05; done',
    );
    const spec = { stop: ["true"] as [string], start, timeoutMs: 700, killAfterMs: 0 };
    const cycle = harness.cycle(spec);
    const error = await harness
      .provisioner()
      .restart(cycle)
      .catch((caught) => caught);
    expect(error).toMatchObject({ retryable: true, message: expect.stringContaining("took longer than 700 ms") });
    expect(cycle.steps.at(-1)).toMatchObject({ name: "start-failed", detail: { ended: "timed-out", afterMs: 700 } });
    expect(await isAlive(await child())).toBe(false);
  });

  test("gets SIGTERM, then SIGKILL, with its whole process group, when the lease is lost; nothing more is run", async () => {
    const stop = await harness.script("stop", stubborn);
    const lease = new AbortController();
    const provisioner = harness.provisioner();
    const spec = { stop, start: await harness.noting("start"), killAfterMs: 1_500 };
    const restart = provisioner.restart(harness.cycle(spec, { signal: lease.signal }));
    await eventually(async () => (await harness.notes()).includes("child"));
    lease.abort(new Error("lost"));
    await expect(restart).rejects.toThrow("lost");
    await provisioner.close();
    await eventually(async () => !(await isAlive(await child())));
    expect(await harness.notes()).toEqual(expect.arrayContaining(["asked"]));
    expect(await harness.notes()).not.toContain("start");
  });
});

describe("stop, status and pre-flight", () => {
  test("a stop runs the stop alone and says what it is for", async () => {
    const stop = await harness.script("stop", 'echo "$RESTART_ACTION" >>"$NOTES"');
    const cycle = harness.cycle({ stop, start: await harness.noting("start") }, { action: "remove" });
    await harness.provisioner().stop(cycle);
    expect(await harness.notes()).toEqual(["remove"]);
    expect(cycle.journals.map(({ step }) => step)).toEqual(["STOPPING"]);
  });

  test("a cycle that was asked to stop does so before the first command, and only then", async () => {
    const spec = await noting();
    const asked = () => {
      throw new Error("asked to stop");
    };
    await expect(harness.provisioner().restart(harness.cycle(spec, { safePoint: asked }))).rejects.toThrow("asked");
    expect(await harness.notes()).toEqual([]);
    const journal = { step: "STOPPING" };
    await harness.provisioner().restart(harness.cycle(spec, { safePoint: asked, journal, attempt: 2 }));
    expect(await harness.notes()).toEqual(["stop", "start"]);
  });

  test("status is what the command says", async () => {
    const status = await harness.script("status", '[ -e "$DIR/up" ]');
    const workspace = { id: "w1", spec: { ...(await noting()), status }, instance: undefined };
    expect(await harness.provisioner().status(workspace)).toMatchObject({ seen: "offline" });
    await harness.script("up", "");
    expect(await harness.provisioner().status(workspace)).toMatchObject({ seen: "online" });
  });

  test("a pre-flight that does not exit with 0 says no, with its last line", async () => {
    const preflight = await harness.script("preflight", "echo looking; echo 'image agent:2 is not there' >&2; exit 1");
    const cycle = harness.cycle({ ...(await noting()), preflight });
    const answer = await harness.provisioner().preflight(cycle);
    expect(answer).toEqual({ ok: false, reason: "image agent:2 is not there" });
    expect(cycle.steps.map(({ name }) => name)).toEqual(["checking", "check-failed"]);
    expect(await harness.notes()).toEqual([]);
  });

  test.each([
    [
      "an executable that is not there",
      { start: ["no-such-thing"] },
      /spec\.start: there is no executable "no-such-thing"/,
    ],
    ["a spec that does not hold", { start: null }, /spec\.start: needed/],
  ])("%s is a no before anything runs", async (_, change, expected) => {
    const cycle = harness.cycle({ ...(await noting()), ...change } as never);
    expect(await harness.provisioner().preflight(cycle)).toEqual({
      ok: false,
      reason: expect.stringMatching(expected),
    });
  });

  test("a workspace whose id would be read as an option is a no", async () => {
    const spec = { stop: ["true", "{workspaceId}"] as [string, string], start: ["true"] as [string] };
    const workspace = { id: "--all", spec, instance: undefined };
    const cycle = harness.cycle(spec, { workspace });
    expect(await harness.provisioner().preflight(cycle)).toMatchObject({ ok: false });
    await expect(harness.provisioner().stop(cycle)).rejects.toMatchObject({ retryable: false });
  });
});
