/** Bull Board as a person uses it: what it shows, and what its buttons do, with a real API and a real worker. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiEnvironment, readEnvironment } from "@restart-coordinator/service";
import { afterEach, describe, expect } from "vitest";
import { startApi } from "../apps/api/src/server.ts";
import { type Bench, test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";
import { redisUrl } from "./setup/shared-redis.ts";

const TOKEN = "operator-token-0123456789";

interface Job {
  readonly id: string;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly progress: unknown;
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The board of an API that shares the bench's Redis. */
async function boardOf(bench: Bench) {
  const env = { REDIS_URL: redisUrl(), RESTART_PREFIX: bench.prefix, PORT: "0", LOG_LEVEL: "silent" };
  const api = await startApi(
    readEnvironment(apiEnvironment, {
      ...env,
      WORKSPACES_DIR: join(tmpdir(), bench.prefix),
      API_TOKENS: `olga:operate:${TOKEN}`,
    }),
  );
  stops.push(() => api.service.stop());
  const base = `http://127.0.0.1:${api.port}`;
  const ask = async (method: string, path: string, headers: Record<string, string> = {}) => {
    const authorization = `Basic ${Buffer.from(`x:${TOKEN}`).toString("base64")}`;
    const response = await fetch(`${base}/admin/queues/api/queues${path}`, {
      method,
      headers: { authorization, origin: base, ...headers },
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const jobs = async (status: string): Promise<Job[]> => {
    const { body } = await ask("GET", `?activeQueue=restarts&status=${status}&page=1&jobsPerPage=10`);
    return body.queues[0].jobs as Job[];
  };
  /** The one job with that status, once it is there. */
  const job = (status: string) => eventually(`a job that is ${status}`, async () => (await jobs(status))[0]);
  const press = (button: string, { id }: Job) => ask("PUT", `/restarts/${encodeURIComponent(id)}/${button}`);
  return { ask, jobs, job, press };
}

/** A workspace whose restart waits for the cooldown of the one before. */
async function waiting(bench: Bench): Promise<void> {
  await bench.coordinator.registry.register("w", { name: "Canvas" });
  await bench.coordinator.trigger("w", { source: "file-write", reason: "a.ts", actor: "ann" });
  await bench.settled("w");
  await bench.noHints();
  await bench.coordinator.trigger("w", { source: "file-write", reason: "b.ts", actor: "ann" });
}

describe("a job on the board", () => {
  test("says which workspace it is for, what is owed to it and why, and when it is due", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    const job = await board.job("delayed");
    expect(job.name).toBe("w (Canvas): scheduled, 1 file-write");
    expect(job.data).toMatchObject({
      workspaceId: "w",
      phase: "scheduled",
      owed: [{ source: "file-write", count: 1, reasons: ["b.ts"], actors: ["ann"] }],
      dueAt: new Date((await bench.state("w")).dueAt ?? 0).toISOString(),
    });
    const { body } = await board.ask("GET", `/restarts/${encodeURIComponent(job.id)}/logs`);
    const text = (body as string[]).join("\n");
    expect(text).toMatch(
      /WORKSPACE_AUTO_RESTART_FIRED .*\n.*WORKSPACE_PROVISIONING .*\n.* {3}running \(\d+ ms\).*\n.*WORKSPACE_ONLINE/,
    );
  });

  test("shows the step its worker is at, and its log lines", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.trigger("w", { source: "file-write" });
    await bench.worker({ SIMULATED_DURATION_MS: "60000", SHUTDOWN_GRACE_MS: "0" });
    const board = await boardOf(bench);
    const job = await eventually("a step is shown", async () => {
      const [active] = await board.jobs("active");
      return active?.progress !== 0 && active;
    });
    const { cycle } = await bench.state("w");
    expect(job.name).toBe("w: running, restart, attempt 1");
    expect(job.progress).toEqual({ cycle: cycle?.id, attempt: 1, step: "running", steps: 1 });
    const logged = new RegExp(`running .*\\(cycle ${cycle?.id}, attempt 1\\)$`);
    await eventually("the step is in the log", async () => {
      const { body } = await board.ask("GET", `/restarts/${encodeURIComponent(job.id)}/logs`);
      return logged.test((body as string[]).at(-1) ?? "");
    });
  });
});

describe("a hint that nobody needs any more", () => {
  test("is not shown, and not counted: what it was for was canceled", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    await board.job("delayed");
    await bench.coordinator.verbs.cancel("w", { actor: "ann" });
    const { body } = await board.ask("GET", "?activeQueue=restarts&status=delayed&page=1&jobsPerPage=10");
    expect(body.queues[0]).toMatchObject({ jobs: [], counts: { delayed: 0 } });
    await bench.noHints();
  });

  test("does not stand beside the one that is needed: a workspace is there once, with the time that is true", async ({
    useBench,
  }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    const { id } = await board.job("delayed");
    const dueAt = (await bench.state("w")).dueAt ?? 0;
    // Given before the restart was brought forward, and by somebody who was too early.
    for (const [hintId, delayMs] of [
      ["later", 300_000],
      ["earlier", 20_000],
    ] as const) {
      await bench.hints.enqueue({ workspaceId: "w", hintId, dueAt: 0, delayMs });
    }
    const jobs = (await board.jobs("delayed")) as unknown as { timestamp: number; delay: number; id: string }[];
    expect(jobs).toHaveLength(1);
    expect((jobs[0]?.timestamp ?? 0) + (jobs[0]?.delay ?? 0)).toBe(dueAt);
    expect(jobs[0]?.id).toBe(id);
  });
});

describe("the buttons", () => {
  test("promote starts what is owed now, and the activity says who wanted it", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    expect(await board.press("promote", await board.job("delayed"))).toEqual({ status: 204, body: undefined });
    await bench.settled("w");
    expect(await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(2);
    expect((await bench.events("w", "WORKSPACE_RESTART_FLUSHED"))[0]?.payload.actor).toBe("olga");
    await bench.noHints();
  });

  test("promote says why not: held", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    const job = await board.job("delayed");
    await bench.coordinator.verbs.hold("w", { holdMs: 60_000, actor: "ann" });
    expect(await board.press("promote", job)).toMatchObject({
      status: 409,
      body: { error: "Nothing was promoted", message: "workspace w is held: release it first" },
    });
    expect(await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(1);
  });

  test("remove cancels what is owed, and the job is gone", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    expect((await board.press("clean", await board.job("delayed"))).status).toBe(204);
    expect(await bench.state("w")).toMatchObject({ phase: "idle", why: [] });
    expect((await bench.events("w", "WORKSPACE_RESTART_CANCELED"))[0]?.payload).toMatchObject({
      actor: "olga",
      triggers: 1,
    });
    await bench.noHints();
  });

  test("remove on a running one asks its cycle to stop, and says that the job stays until then", async ({
    useBench,
  }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.trigger("w", { source: "file-write" });
    await bench.worker({ SIMULATED_DURATION_MS: "60000", SHUTDOWN_GRACE_MS: "0" });
    await bench.effect("w", "begin");
    const board = await boardOf(bench);
    const answer = await board.press("clean", await board.job("active"));
    expect(answer).toMatchObject({ status: 409, body: { message: expect.stringContaining("next safe point") } });
    expect(await bench.events("w", "WORKSPACE_RESTART_CANCELED")).toHaveLength(1);
  });

  test("retry is a person's restart, and says why not where that is refused", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    const job = await board.job("delayed");
    await bench.coordinator.verbs.hold("w", { holdMs: 60_000, actor: "ann" });
    expect(await board.press("retry", job)).toMatchObject({
      status: 409,
      body: { error: "Nothing was retried", message: "workspace w may not be restarted: held" },
    });
    await bench.coordinator.verbs.release("w", { actor: "ann" });
    expect((await board.press("retry", job)).status).toBe(204);
    await bench.settled("w");
    const [, fired] = await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED");
    expect(fired?.payload).toMatchObject({ auto: false, because: "asked" });
    expect(JSON.stringify(fired?.payload.covers)).toContain('"actors":["olga"]');
  });

  test("resume opens a queue that somebody paused from outside", async ({ useBench }) => {
    const bench = useBench();
    const board = await boardOf(bench);
    const [queue] = bench.hints.queues;
    for (const path of ["/restarts/resume", "/resume"]) {
      await queue?.pause();
      expect((await board.ask("PUT", path)).status).toBe(204);
      expect(await queue?.isPaused()).toBe(false);
    }
  });

  test("a job that is gone meanwhile is told as that", async ({ useBench }) => {
    const bench = useBench();
    const board = await boardOf(bench);
    const nobody = { id: "w@1" } as Job;
    for (const button of ["promote", "retry", "clean"]) {
      expect(await board.press(button, nobody)).toMatchObject({ status: 404, body: { error: "Job not found" } });
    }
  });

  test("another site's page can press none of them", async ({ useBench }) => {
    const bench = useBench({ cooldownMs: 60_000 });
    await bench.worker();
    await waiting(bench);
    const board = await boardOf(bench);
    const { id } = await board.job("delayed");
    const path = `/restarts/${encodeURIComponent(id)}/promote`;
    expect((await board.ask("PUT", path, { origin: "https://evil.example" })).status).toBe(403);
    expect(await bench.events("w", "WORKSPACE_RESTART_FLUSHED")).toEqual([]);
  });
});
