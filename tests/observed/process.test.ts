/** What workers see of real processes, and do about it. */
import { hostname } from "node:os";
import { afterEach, expect, test, vi } from "vitest";
import { useWorkers } from "./worker.ts";

const { coordinator, worker, state, events } = useWorkers();

/** No turn comes by itself while a test runs: what is known is known at once. */
const NO_TURN = { RESTART_OBSERVE_MS: "600000" };
const OFTEN = { RESTART_OBSERVE_MS: "200" };
const SLEEPING = { PROCESS_COMMAND: '["sleep","600"]' };

const eventually = (check: () => Promise<unknown>) => vi.waitFor(check, { timeout: 120_000, interval: 50 });

const started = new Set<number>();
afterEach(() => {
  for (const pid of started) kill(pid, "SIGKILL");
  started.clear();
});

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

async function pidOf(id: string): Promise<number> {
  const pid = (await state(id)).instance?.pid as number;
  started.add(pid);
  return pid;
}

/** Registers and starts a workspace. */
async function running(id: string, spec: Record<string, unknown> = {}): Promise<number> {
  await coordinator.registry.register(id, { spec: { readiness: { kind: "started", aliveForMs: 0 }, ...spec } });
  await coordinator.trigger(id, { source: "manual" });
  await eventually(async () => expect((await state(id)).status).toBe("online"));
  return pidOf(id);
}

/** Resolves once it runs as another process. */
async function back(id: string, pid: number): Promise<void> {
  await eventually(async () => {
    const { status, instance } = await state(id);
    expect({ status, isOther: instance?.pid !== pid }).toEqual({ status: "online", isOther: true });
  });
  await pidOf(id);
}

test("a process that its own worker launched is known to be dead at once, and started again", async () => {
  await worker({ ...SLEEPING, ...NO_TURN });
  const pid = await running("own");
  kill(pid, "SIGKILL");
  await back("own", pid);
  expect(await events("own", "WORKSPACE_DOWN")).toMatchObject([
    { payload: { status: "offline", seen: "its process ended (SIGKILL)", crashes: 1, action: "restart" } },
  ]);
  const [, again] = await events("own", "WORKSPACE_AUTO_RESTART_FIRED");
  expect(again?.payload.covers).toMatchObject([
    {
      source: "liveness-offline",
      reasons: ["its process ended (SIGKILL)"],
      actors: [`worker ${hostname()}:${process.pid}`],
    },
  ]);
});

test("a process that another worker launched is watched from the first look at it", async () => {
  const first = await worker({ ...SLEEPING, ...NO_TURN });
  const pid = await running("inherited");
  await first.stop();
  await worker({ ...SLEEPING, ...OFTEN });
  const { seenAt = 0 } = await state("inherited");
  await eventually(async () => expect((await state("inherited")).seenAt).toBeGreaterThan(seenAt));
  kill(pid, "SIGKILL");
  await back("inherited", pid);
  expect(await events("inherited", "WORKSPACE_DOWN")).toMatchObject([{ payload: { seen: "its process is gone" } }]);
});

test("a process that is frozen, and does not answer, is unhealthy, and is replaced", async () => {
  const script = 'require("http").createServer((q, r) => r.end("ok")).listen(process.env.PORT, "127.0.0.1")';
  const port = 20_000 + (process.pid % 20_000);
  const spec = {
    command: [process.execPath, "-e", script],
    env: { PORT: String(port) },
    readiness: { kind: "url", url: `http://127.0.0.1:${port}/` },
    stopTimeoutMs: 100,
  };
  await worker(OFTEN);
  const pid = await running("frozen", spec);
  kill(pid, "SIGSTOP");
  await eventually(async () => expect(await events("frozen", "WORKSPACE_DOWN")).toHaveLength(1));
  expect(await events("frozen", "WORKSPACE_DOWN")).toMatchObject([{ payload: { status: "unhealthy" } }]);
  await back("frozen", pid);
});

test("with all workers gone and back, nothing is down that is not, and what went down meanwhile is seen", async () => {
  const first = await worker({ ...SLEEPING, ...OFTEN });
  const pids = new Map<string, number>();
  for (const id of ["kept", "lost"]) pids.set(id, await running(id));
  await first.stop();
  kill(pids.get("lost") as number, "SIGKILL");
  await worker({ ...SLEEPING, ...OFTEN });
  await back("lost", pids.get("lost") as number);
  expect((await state("kept")).instance?.pid).toBe(pids.get("kept"));
  expect(await events("kept", "WORKSPACE_DOWN")).toEqual([]);
});

test("a changed spec, or a changed default of the workers, restarts what runs", async () => {
  const first = await worker({ ...SLEEPING, ...OFTEN });
  const pid = await running("drifting");
  const spec = { readiness: { kind: "started", aliveForMs: 0 }, env: { TOKEN: "hunter2" } };
  const { receipt } = await coordinator.register("drifting", { spec }, { actor: "ann" });
  expect(receipt).toMatchObject({ source: "spec-change" });
  await back("drifting", pid);
  const again = await pidOf("drifting");
  await first.stop();
  await worker({ PROCESS_COMMAND: '["sleep","601"]', ...OFTEN });
  await back("drifting", again);
  const covers = (await events("drifting", "WORKSPACE_AUTO_RESTART_FIRED")).map(({ payload }) => payload.covers);
  expect(covers).toMatchObject([
    [{ source: "manual" }],
    [{ source: "spec-change", reasons: ["changed: env.TOKEN"], actors: ["ann"] }],
    [{ source: "spec-change", reasons: ["changed: command"] }],
  ]);
  expect((await state("drifting")).drift).toBeUndefined();
});
