/** The command provisioner in a whole worker: what a person sees of it afterwards. */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "command-worker-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function script(name: string, body: string): Promise<[string]> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\ncd ${directory}\n${body}\n`);
  await chmod(path, 0o755);
  return [path];
}

interface StepBody {
  readonly name: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

test("what the commands printed, and how they ended, is in the activity", async ({ useBench }) => {
  const bench = useBench();
  const start = await script("start", `echo "started with $PASSPHRASE"; echo '{"unit":"w.service"}'`);
  const spec = { stop: await script("stop", "echo stopped it >&2"), start, env: { PASSPHRASE: "hunter2-hunter2" } };
  await bench.coordinator.registry.register("w", { spec });
  await bench.coordinator.trigger("w", { source: "file-write" });
  await bench.worker({ PROVISIONER: "command" });
  await bench.settled("w");
  const [online] = await bench.events("w", "WORKSPACE_ONLINE");
  expect(online?.payload).toMatchObject({ instance: { unit: "w.service" } });
  expect(
    ((online?.payload.steps ?? []) as StepBody[]).map(({ name, detail }) => [name, detail?.exitCode, detail?.output]),
  ).toEqual([
    ["stopping", undefined, undefined],
    ["stopped", 0, "stopped it"],
    ["starting", undefined, undefined],
    ["started", 0, 'started with [redacted]\n{"unit":"w.service"}'],
  ]);
});

test("a pre-flight that says no declines the cycle with its last line, and nothing is stopped", async ({
  useBench,
}) => {
  const bench = useBench();
  await bench.coordinator.registry.register("w", {
    spec: {
      stop: await script("stop", "touch touched"),
      start: ["true"],
      preflight: await script("preflight", "echo 'no image agent:2'; exit 1"),
    },
  });
  await bench.coordinator.trigger("w", { source: "file-write" });
  await bench.worker({ PROVISIONER: "command" });
  const [declined] = await eventually("the cycle is declined", async () => {
    const events = await bench.events("w", "WORKSPACE_RESTART_DECLINED");
    return events.length > 0 && events;
  });
  expect(declined?.payload.error).toBe("no image agent:2");
  await expect(readFile(join(directory, "touched"))).rejects.toThrow("ENOENT");
});

test("a worker killed in the middle of a command is followed by one that runs it again, with a higher token", async ({
  useBench,
}) => {
  const bench = useBench();
  const start = await script(
    "start",
    'echo "$RESTART_CYCLE_ID $RESTART_ATTEMPT $RESTART_FENCING_TOKEN" >>calls\n[ "$RESTART_ATTEMPT" = 2 ] || while [ -e calls ]; do sleep 0.1; done',
  );
  await bench.coordinator.registry.register("w", { spec: { stop: await script("stop", "echo stop >>calls"), start } });
  await bench.coordinator.trigger("w", { source: "file-write" });
  const settings = { PROVISIONER: "command", RESTART_LEASE_MS: "600" };
  const calls = async () => (await readFile(join(directory, "calls"), "utf8").catch(() => "")).trim().split("\n");
  const doomed = bench.workerProcess(settings);
  await eventually("the start runs", async () => (await calls()).length === 2);
  doomed.kill("SIGKILL");
  await bench.worker(settings);
  await bench.settled("w");
  const [stop, first, second, ...more] = await calls();
  expect([stop, more]).toEqual(["stop", []]);
  const [cycle, attempt, token] = (first ?? "").split(" ");
  expect(attempt).toBe("1");
  expect(second).toMatch(new RegExp(`^${cycle} 2 \\d+$`));
  expect(Number(second?.split(" ")[2])).toBeGreaterThan(Number(token));
});
