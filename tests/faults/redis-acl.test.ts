/** The user of Redis that the documents name is enough for everything, on one server and on a Cluster, and misses nothing. */
import { readFileSync } from "node:fs";
import { startRedis } from "@restart-coordinator/dev-redis";
import { aclRules } from "@restart-coordinator/service";
import { Redis } from "ioredis";
import { expect, onTestFinished } from "vitest";
import { parse } from "yaml";
import { askedOf, pathOf, ROUTES } from "../../apps/api/test/support/routes.ts";
import { ownPrefix } from "../setup/shared-redis.ts";
import { scrape } from "../support/metrics.ts";
import { type Bench, test } from "./support/bench.ts";
import { startCluster } from "./support/cluster.ts";
import { eventually } from "./support/eventually.ts";
import { serverBinary } from "./support/local-servers.ts";

const TOKEN = "a-token-of-this-test";

async function letIn(servers: readonly Redis[], rules: string): Promise<void> {
  for (const redis of servers) await redis.call("ACL", "SETUSER", "rc", "reset", "on", ">secret", ...rules.split(" "));
}

/** What the user was refused; but for the board's count of connected workers, which may be missing. */
async function refused(servers: readonly Redis[]): Promise<string[]> {
  const logs = await Promise.all(servers.map((redis) => redis.call("ACL", "LOG")));
  return (logs.flat() as unknown[][])
    .map((entry) => entry.map(String).join(" "))
    .filter((text) => /username rc/.test(text) && !/object client\|list/.test(text));
}

/** Every route, each for a workspace of its own, with a worker beside it. */
async function useEverything(bench: Bench, url: string): Promise<void> {
  const login = { REDIS_URL: asUser(url), WEBHOOK_ALLOW_PRIVATE: "true" };
  await bench.worker({ ...login, RESTART_MAX_RUNNING: "5" });
  const api = await bench.api({ ...login, API_TOKENS: `ci:admin:${TOKEN}` });
  await eventually("the API is ready", async () => (await fetch(`${api.url}/readyz`)).ok);
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(api.url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  for (const [n, route] of ROUTES.entries()) {
    const id = `w${n}`;
    expect((await ask("PUT", `/workspaces/${id}`, {})).status).toBe(201);
    const answer = await ask(route.method, pathOf(route, id), askedOf(route).body);
    expect(answer.status, `${route.method} ${route.path}`).toBe(route.example.status);
    await answer.body?.cancel();
  }
  const busy = ["file-write", "secret-change", "manual"];
  for (const source of busy) expect((await ask("POST", "/workspaces/w0/triggers", { source })).status).toBe(202);
  expect((await bench.settled("w0")).lastCycle).toMatchObject({ outcome: "ok" });
  await ask("PUT", "/workspaces/w0/files/late.txt", {});
  await ask("PUT", "/workspaces/w0/files/later.txt", {});
  const board = "/admin/queues/api/queues";
  const queuesOf = async (query: string) => {
    const answer = await ask("GET", `${board}?${query}`);
    return ((await answer.json()) as { queues: { name: string; jobs: { id: string }[] }[] }).queues;
  };
  let seen = 0;
  for (const { name } of await queuesOf("")) {
    const shown = await queuesOf(`activeQueue=${name}&status=delayed&page=1&jobsPerPage=10`);
    for (const { id } of shown.flatMap(({ jobs }) => jobs)) {
      const job = `${board}/${name}/${encodeURIComponent(id)}`;
      expect((await ask("GET", job)).status).toBe(200);
      expect((await ask("GET", `${job}/logs`)).status).toBe(200);
      seen += 1;
    }
  }
  expect(seen).toBeGreaterThan(0);
  expect((await scrape(api.url, TOKEN)).value("restart_redis_up")).toBe(1);
}

test("on one server", async ({ useBench, useServer }) => {
  const server = await useServer();
  const bench = useBench(server);
  await letIn([server.redis], aclRules(bench.prefix));
  await useEverything(bench, server.url);
  expect(await refused([server.redis])).toEqual([]);
});

test.skipIf(serverBinary === undefined)("on a Cluster", async ({ useBench }) => {
  const cluster = await startCluster();
  const servers = cluster.nodes.map(({ redis }) => redis);
  const bench = useBench({ url: cluster.url, shards: 4 });
  await letIn(servers, aclRules(bench.prefix, "cluster"));
  await useEverything(bench, cluster.url);
  expect(await refused(servers)).toEqual([]);
});

test("as docker-compose.yml has it, where nobody else may do anything", async ({ useBench }) => {
  const { services } = parse(read("docker-compose.yml")) as { services: { redis: { command: string[] } } };
  const [program, ...options] = services.redis.command;
  expect(program).toBe("redis-server");
  expect(options.join(" ")).toContain(aclRules("rc"));
  const prefix = ownPrefix();
  // Of what is interpolated there, only the password matters here.
  const args = options.map((option) =>
    option
      .replace(/\$\{REDIS_PASSWORD\}/, "secret")
      .replace(/^\$\{.*:-(.*)\}$/, "$1")
      .replace("{rc:", `{${prefix}:`),
  );
  const server = await startRedis({ own: true, args });
  onTestFinished(() => server.stop());
  const bench = useBench({ url: asUser(server.url), prefix });
  await useEverything(bench, server.url);
  const stranger = new Redis(server.url);
  onTestFinished(() => stranger.disconnect());
  expect(await stranger.ping()).toBe("PONG");
  await expect(stranger.get(bench.coordinator.installation.keys.shardCount)).rejects.toThrow(/NOPERM/);
});

test("docs/deployment.md names it", () => {
  const text = read("docs/deployment.md");
  expect(text).toContain(aclRules("rc"));
  expect(text).toContain(aclRules("rc", "cluster").slice(aclRules("rc").length + 1));
});

function asUser(url: string): string {
  return url.replace("://", "://rc:secret@");
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}
