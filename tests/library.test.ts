/** docs/library.md, run: the coordinator in a server and a worker that are not ours. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Cycles, Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import express from "express";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ownPrefix, redisUrl } from "./setup/shared-redis.ts";

const prefix = ownPrefix();
const redis = new Redis(redisUrl());
const restarts = new RestartCoordinator(new Installation({ redis, prefix }));
const cycles = new Cycles(new Installation({ redis, prefix }), { worker: "somebody's worker" });
let server: Server;
let url: string;

beforeAll(async () => {
  const app = express();
  app.put("/save/:workspace", async (request, response) => {
    const why = { source: "file-write", reason: "saved", write: true } as const;
    response.json(await restarts.trigger(request.params.workspace, why));
  });
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  const left = await redis.keys(`{${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
  await redis.quit();
});

async function save(workspace: string): Promise<{ decision: string; rule: string }> {
  const response = await fetch(`${url}/save/${workspace}`, { method: "PUT" });
  return (await response.json()) as { decision: string; rule: string };
}

test("somebody else's Express server triggers, and the sweep of somebody else's worker finds the work", async () => {
  await restarts.registry.register("theirs", { name: "Theirs" });
  expect(await save("theirs")).toMatchObject({ decision: "fired", rule: "window" });
  expect(await save("theirs")).toMatchObject({ decision: "coalesced", rule: "pending" });

  const found: string[] = [];
  for await (const { id } of cycles.sweep(0, 5_000)) {
    const begun = await cycles.begin(id);
    if (begun.kind !== "begun") continue;
    found.push(id);
    expect(await restarts.restarting(id)).toMatchObject({ restarting: true });
    await begun.lease.record(JSON.stringify({ step: "STOPPING" }));
    expect(await begun.lease.end({ outcome: "ok" })).toMatchObject({ kind: "ended", what: "ok" });
  }
  expect(found).toEqual(["theirs"]);
  const state = await restarts.workspace("theirs");
  expect(state?.restart.lastCycle).toMatchObject({ outcome: "ok", covers: [{ source: "file-write", count: 2 }] });
  expect(state?.restart.observedGeneration).toBe(state?.restart.generation);
});

test("a workspace nobody registered is refused as removed", async () => {
  expect(await save("nobodys")).toMatchObject({ decision: "refused", rule: "removed" });
});
