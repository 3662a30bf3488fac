/** Triggers and file writes over HTTP: our API process beside a bare Express handler's, on one Redis. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { HttpLoad, type HttpRequest } from "../load/http-load.ts";
import { startProcess } from "../processes.ts";
import { startBenchRedis } from "../redis.ts";
import type { Contender, OpenRow, Row } from "../row.ts";

const TOKEN = randomBytes(16).toString("hex");
const BARE = "bare Express handler";

export const httpTriggers: Row = {
  id: "http-triggers",
  title: "POST /workspaces/{id}/triggers over HTTP, 32 connections",
  limits: [
    { measure: "perSecond", against: BARE, atLeast: 0.8 },
    // As much as the limit of requests per second: 1 / 0.8.
    { measure: "p99Ms", against: BARE, atMost: 1.25 },
  ],
  open: (isShort) =>
    openBeside("our API", { connections: 32, count: isShort ? 200 : 10_000 }, (id) => ({
      method: "POST",
      path: `/workspaces/${id}/triggers`,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: '{"source":"file-write","reason":"wrote config.yaml"}',
    })),
};

const KIB_4 = { connections: 8, bytes: 4_096 } as const;

/** Each time another content, of the same length: that it is another one must be found out. */
export const fileWrite: Row = {
  id: "file-write",
  title: "PUT /workspaces/{id}/files/{path} of 4 KiB, 8 connections",
  limits: [
    { measure: "perSecond", against: BARE, atLeast: 0.7 },
    { measure: "p99Ms", against: BARE },
  ],
  open: (isShort) => {
    let writes = 0;
    return openBeside("our API", { ...KIB_4, count: isShort ? 50 : 2_000 }, (id) => {
      const body = Buffer.alloc(KIB_4.bytes);
      writes += 1;
      body.writeDoubleBE(writes);
      return writing(id, body);
    });
  },
};

/** The same bytes again and again: they are compared, and nothing is written. */
export const fileUnchanged: Row = {
  id: "file-unchanged",
  title: "PUT of the same 4 KiB again, 8 connections",
  limits: [{ measure: "perSecond", against: BARE, atLeast: 0.7 }],
  open: (isShort) => {
    const body = randomBytes(KIB_4.bytes);
    return openBeside("our API", { ...KIB_4, count: isShort ? 50 : 2_000 }, (id) => writing(id, body));
  },
};

function writing(id: string, body: Buffer): HttpRequest {
  return {
    method: "PUT",
    path: `/workspaces/${id}/files/config.yaml`,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/octet-stream" },
    body,
  };
}

async function openBeside(
  name: string,
  load: { connections: number; count: number },
  requestFor: (id: string) => HttpRequest,
): Promise<OpenRow> {
  const bench = await startBenchRedis();
  const directory = await mkdtemp(join(tmpdir(), "bench-files-"));
  const ids = Array.from({ length: 200 }, (_, i) => `workspace-${i}`);
  const coordinator = new RestartCoordinator(new Installation({ redis: bench.redis }));
  await Promise.all(ids.map((id) => coordinator.registry.register(id, {})));
  const env = { REDIS_URL: bench.url, API_TOKENS: `bench:admin:${TOKEN}`, PORT: "0" };
  const processes = await Promise.all([
    startProcess("api", { ...env, WORKSPACES_DIR: join(directory, "ours") }),
    startProcess("bare-express", { ...env, WORKSPACES_DIR: join(directory, "bare") }),
  ]);
  const loads = processes.map(({ url }) => new HttpLoad(url, load.connections));
  const contender = (at: number, title: string): Contender => ({
    name: title,
    run: () => (loads[at] as HttpLoad).run(load.count, (i) => requestFor(ids[i % ids.length] as string)),
  });
  return {
    contenders: [contender(0, name), contender(1, BARE)],
    close: async () => {
      await Promise.all(loads.map((each) => each.close()));
      await Promise.all(processes.map((each) => each.stop()));
      await bench.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
