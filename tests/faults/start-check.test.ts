/** A process whose Redis cannot carry it ends at the start, with one message that says what to grant or set. */
import { onFreePort } from "@restart-coordinator/dev-redis";
import { aclRules } from "@restart-coordinator/service";
import { describe, expect, onTestFinished } from "vitest";
import { type Bench, test } from "./support/bench.ts";
import { createAuthority } from "./support/certificates.ts";
import { eventually } from "./support/eventually.ts";
import { type Server, serverBinary, startServer } from "./support/local-servers.ts";
import { startSentinel } from "./support/sentinel.ts";

const TOKEN = "a-token-of-this-test";
const API = { API_TOKENS: `ci:admin:${TOKEN}` };

/** What a worker and an API are refused with. */
async function refusals(bench: Bench, settings: Record<string, string>): Promise<string[]> {
  const told = async (start: Promise<unknown>) =>
    start.then(
      () => "it started",
      (error: Error) => `${error.name}: ${error.message}`,
    );
  return [await told(bench.worker(settings)), await told(bench.api({ ...API, ...settings }))];
}

function withUser({ url }: Server, login: string): Record<string, string> {
  return { REDIS_URL: url.replace("://", `://${login}@`) };
}

describe("a user of Redis that may not do enough", () => {
  test("ends the start, and the message names what to grant", async ({ useBench, useServer }) => {
    const server = await useServer();
    const bench = useBench(server);
    const rules = aclRules(bench.prefix).replace(" +info", " -xadd");
    await server.redis.call("ACL", "SETUSER", "rc", "reset", "on", ">hunter2", ...rules.split(" "));
    for (const refusal of await refusals(bench, withUser(server, "rc:hunter2"))) {
      expect(refusal).toMatch(/^ConfigurationError: the configuration cannot work:/);
      expect(refusal).toContain('Redis does not permit its user "rc" info, xadd: ACL SETUSER rc +info +xadd (docs/');
      expect(refusal).not.toContain("hunter2");
    }
  });

  test("ends a worker that came before Redis, too, and nothing keeps it from ending", async ({
    useBench,
    useServer,
    useLine,
  }) => {
    const server = await useServer();
    const bench = useBench(server);
    const rules = aclRules(bench.prefix).replace(" +info", "");
    await server.redis.call("ACL", "SETUSER", "rc", "reset", "on", ">hunter2", ...rules.split(" "));
    const line = await useLine(server);
    line.silence();
    const worker = bench.workerProcess(withUser(Object.assign(server, { url: line.url }), "rc:hunter2"));
    await worker.logged(/takes restarts/);
    line.reset();
    expect(await worker.ended).toBe(1);
    const message = expect.stringMatching(/Redis does not permit its user "rc" info: ACL SETUSER rc \+info/);
    expect(worker.log.at(-1)).toMatchObject({ level: 60, msg: message });
  });
});

describe("what no waiting changes ends the start", () => {
  test("a wrong password, and none", async ({ useBench, useServer }) => {
    const server = await useServer();
    const bench = useBench(server);
    await server.redis.call("ACL", "SETUSER", "rc", "on", ">right", "~*", "+@all");
    await server.redis.call("ACL", "SETUSER", "default", "resetpass", ">right");
    for (const [login, words] of [
      ["rc:hunter2", "WRONGPASS"],
      [":hunter2", "WRONGPASS"],
      [undefined, "NOAUTH"],
    ] as const) {
      const settings = login === undefined ? { REDIS_URL: server.url } : withUser(server, login);
      for (const refusal of await refusals(bench, settings)) {
        expect(refusal).toMatch(/^ConfigurationError: the configuration cannot work:\n {2}- redis:\/\//);
        expect(refusal).toContain(words);
        expect(refusal).toMatch(/: set the user and the password that it knows in REDIS_URL$/);
        expect(refusal).not.toContain("hunter2");
      }
    }
    await server.redis.call("ACL", "SETUSER", "default", "nopass");
  });

  test.skipIf(serverBinary === undefined)("a wrong password for the Sentinels", async ({ useBench }) => {
    const server = await startServer();
    const users = ["user default off", "user watcher on >right allchannels +@all"];
    const { url } = await startSentinel(server, { config: users, user: ["watcher", "right"] });
    const settings = { REDIS_URL: url, REDIS_SENTINEL_USERNAME: "watcher", REDIS_SENTINEL_PASSWORD: "hunter2" };
    for (const refusal of await refusals(useBench(server), settings)) {
      expect(refusal).toMatch(/ {2}- Sentinel 127\.0\.0\.1:\d+: .*WRONGPASS.*REDIS_SENTINEL_PASSWORD$/);
      expect(refusal).not.toContain("hunter2");
    }
  });

  test.skipIf(serverBinary === undefined)("a certificate that is not trusted", async ({ useBench }) => {
    const authority = await createAuthority();
    const { cert, key } = await authority.sign("127.0.0.1");
    const own = ["--tls-ca-cert-file", authority.ca, "--tls-cert-file", cert, "--tls-key-file", key];
    const { server, port } = await onFreePort(async (port) => {
      return { port, server: await startServer(["--tls-port", String(port), ...own, "--tls-auth-clients", "no"]) };
    });
    const REDIS_URL = `rediss://127.0.0.1:${port}`;
    for (const refusal of await refusals(useBench(server), { REDIS_URL })) {
      expect(refusal).toMatch(
        /rediss:\/\/127.*: set REDIS_TLS_CA_FILE to the authority that has signed its certificate/,
      );
    }
  });

  test("a Redis that may evict keys", async ({ useBench, useServer }) => {
    const server = await useServer();
    const bench = useBench(server);
    await server.redis.config("SET", "maxmemory-policy", "allkeys-lru");
    for (const refusal of await refusals(bench, {})) {
      expect(refusal).toMatch(
        /allkeys-lru\): a key that vanishes is a restart forgotten: set maxmemory-policy noeviction/,
      );
    }
  });
});

test("another provisioner than the installation's is refused, until it is changed on purpose", async ({ useBench }) => {
  const bench = useBench();
  const simulated = await bench.worker();
  for (const refusal of await refusals(bench, { PROVISIONER: "command" })) {
    expect(refusal).toMatch(
      /PROVISIONER is command, but this installation's is simulated: .*Set PROVISIONER=simulated/,
    );
  }
  await bench.api({ ...API, PROVISIONER: "simulated" });
  await bench.api(API);
  await simulated.stop();
  const { provisioner } = bench.coordinator.installation.keys;
  const [, key] = /then DEL (\S+)$/.exec((await refusals(bench, { PROVISIONER: "command" }))[0] as string) ?? [];
  expect(key).toBe(provisioner);
  await bench.redis.del(provisioner);
  await bench.worker({ PROVISIONER: "command" });
  expect(await bench.redis.get(provisioner)).toBe("command");
});

test("a Redis that takes no writes now is waited for", async ({ useBench, useServer }) => {
  const server = await useServer();
  const bench = useBench(server);
  await bench.coordinator.registry.register("w", {});
  await server.redis.config("SET", "maxmemory", "1");
  await bench.worker();
  const { url } = await bench.api(API);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  await server.redis.config("SET", "maxmemory", "0");
  await eventually("the API is ready", async () => (await fetch(`${url}/readyz`)).status === 200);
  await bench.coordinator.trigger("w", { source: "manual" });
  expect((await bench.settled("w")).lastCycle).toMatchObject({ outcome: "ok" });
});

test("what is common to all processes is written down again when Redis comes back empty", async ({ useBench }) => {
  const server = await startServer();
  onTestFinished(() => server.stop());
  const bench = useBench({ url: server.url, shards: 2 });
  await bench.worker();
  const { shardCount, provisioner } = bench.coordinator.installation.keys;
  await server.kill();
  await server.restart();
  await eventually("it is written down", async () => (await server.redis.get(shardCount)) === "2");
  await eventually("both are", async () => (await server.redis.get(provisioner)) === "simulated");
});

test("Redis that somebody emptied is told, and another number of shards is refused though no process was started anew", async ({
  useBench,
}) => {
  const server = await startServer();
  onTestFinished(() => server.stop());
  const bench = useBench({ url: server.url, shards: 2 });
  const worker = bench.workerProcess();
  await worker.logged(/takes restarts/);
  const { keys } = bench.coordinator.installation;
  await eventually("its rules are noted", async () => (await server.redis.exists(keys.zoneRules)) === 1);
  await server.redis.flushall();
  await worker.logged(/came back empty: workspaces and webhooks must be registered again/);
  expect(await server.redis.get(keys.shardCount)).toBe("2");
  await eventually(
    "its provisioner is written down",
    async () => (await server.redis.get(keys.provisioner)) === "simulated",
  );
  await eventually("its rules are noted again", async () => (await server.redis.exists(keys.zoneRules)) === 1);
  for (const shard of [0, 1]) {
    await eventually("it is told in the events", async () => {
      const entries = await server.redis.xrange(keys.forShard("events", shard), "-", "+");
      return entries.filter(([, fields]) => fields[1] === "REDIS_CAME_BACK_EMPTY").length === 1;
    });
  }
  for (const refusal of await refusals(bench, { SHARDS: "3" })) expect(refusal).toContain("this installation has 2");
});
