/** Everything that is needed of Redis is asked at once, and what is wrong is told with what to grant or set. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createKeySpace } from "@restart-coordinator/debounce";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Line } from "../../../tests/faults/support/line.ts";
import { aclRules, connectRedis, describeFinding, examineRedis, SCRIPT_COMMANDS } from "../src/index.ts";

const PREFIX = "rc";
const ENOUGH = aclRules(PREFIX).split(" ");

let server: OwnRedis;
let admin: Redis;

beforeAll(async () => {
  server = await startRedis({ own: true });
  admin = new Redis(server.url);
});
beforeEach(async () => {
  await admin.call("ACL", "SETUSER", "rc", "reset", "on", ">secret", ...ENOUGH);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

interface Asked {
  readonly user?: string;
  readonly port?: number;
  readonly shards?: number;
}

/** What is found wrong, a line each. */
async function found({ user = "rc", port = Number(new URL(server.url).port), shards = 2 }: Asked = {}) {
  const login = user === "default" ? "" : `${user}:secret@`;
  const settings = { REDIS_URL: `redis://${login}127.0.0.1:${port}` };
  const redis = connectRedis(settings, "wait", pino({ level: "silent" }));
  onTestFinished(() => redis.disconnect());
  const keys = createKeySpace(PREFIX, shards);
  const findings = await examineRedis({ redis, keys, prefix: PREFIX, user, waitsForReplicas: true });
  return findings.map((finding) => `${finding.weight}: ${describeFinding(finding)}`);
}

describe("nothing is found wrong with", () => {
  test("a server as it comes", async () => {
    expect(await found({ user: "default" })).toEqual([]);
    expect(await admin.dbsize()).toBe(0);
  });

  test("the user that docs/deployment.md and docker-compose.yml name", async () => {
    expect(await found()).toEqual([]);
  });
});

describe("what the user may not do is told with what grants it", () => {
  test.each([
    ["-info", 'Redis does not permit its user "rc" info: ACL SETUSER rc +info'],
    ["-evalsha", 'Redis does not permit its user "rc" evalsha: ACL SETUSER rc +evalsha'],
    ["-eval", 'Redis does not permit its user "rc" eval: ACL SETUSER rc +eval'],
    ["-bzpopmin", 'Redis does not permit its user "rc" bzpopmin: ACL SETUSER rc +bzpopmin'],
    ["-wait", 'Redis does not permit its user "rc" wait: ACL SETUSER rc +wait'],
    ["-multi", 'Redis does not permit its user "rc" exec, multi: ACL SETUSER rc +exec +multi'],
    ["-time -hset", 'Redis does not permit its user "rc" hset, time: ACL SETUSER rc +hset +time'],
    ["-@stream", /"rc" xadd, xdel, xinfo, xlen, xrange, xread, xrevrange, xtrim: ACL SETUSER rc \+xadd/],
    ["resetkeys ~rc:*", 'Redis does not permit its user "rc" all keys that are needed: ACL SETUSER rc ~{rc:*'],
  ])("%s", async (rules, told) => {
    await admin.call("ACL", "SETUSER", "rc", ...rules.split(" "));
    const message = typeof told === "string" ? `fatal: ${told} (docs/deployment.md names all it needs)` : told;
    expect(await found()).toEqual([typeof message === "string" ? message : expect.stringMatching(message)]);
  });

  test("all of it in one message", async () => {
    await admin.call("ACL", "SETUSER", "rc", "-info", "-@sortedset", "resetkeys", "~{rc:0}:*");
    const lines = await found();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/all keys that are needed/);
    expect(lines[1]).toMatch(/"rc" bzpopmin, info, zadd, zcard/);
  });
});

describe("what has to be set is told, too", () => {
  test.each(["allkeys-lru", "volatile-ttl"])("an eviction policy that forgets: %s", async (policy) => {
    await admin.config("SET", "maxmemory-policy", policy);
    onTestFinished(async () => void (await admin.config("SET", "maxmemory-policy", "noeviction")));
    expect(await found()).toEqual([
      `fatal: Redis may evict keys (maxmemory-policy ${policy}): a key that vanishes is a restart forgotten: set maxmemory-policy noeviction`,
    ]);
  });

  test("where it cannot be found out, that is a warning", async () => {
    expect(await found({ port: await saying("maxmemory_policy", "maxmemory_Policy") })).toEqual([
      "warning: whether Redis evicts keys cannot be found out, neither by INFO nor by CONFIG: set maxmemory-policy noeviction",
    ]);
  });

  test("a version that is too old", async () => {
    const { 1: version = "" } = /redis_version:(\S+)/.exec(await admin.info("server")) ?? [];
    const old = "6.2.14-old".slice(0, version.length).padEnd(version.length, "0");
    expect(await found({ port: await saying(version, old) })).toEqual([
      `fatal: Redis is ${old}; the lowest version is 7.0: use Redis 7.0 or later, or Valkey`,
    ]);
  });

  test("a clock that is far from this machine's is a warning", async () => {
    const now = String(Date.now()).slice(0, 6);
    const later = String(Number(now) + 1);
    const [line] = await found({ port: await saying(now, later) });
    expect(line).toMatch(/^warning: the clock of Redis is \d+ s ahead of this machine's: let both follow the same/);
  });
});

test("a server that takes no writes now is asked again later, unless something else is wrong", async () => {
  await admin.config("SET", "maxmemory", "1");
  onTestFinished(async () => void (await admin.config("SET", "maxmemory", "0")));
  await expect(found()).rejects.toMatchObject({ condition: "out-of-memory" });
  await admin.call("ACL", "SETUSER", "rc", "-xadd");
  expect(await found()).toEqual([expect.stringMatching(/"rc" xadd: ACL SETUSER rc \+xadd/)]);
});

describe("the commands that are asked for", () => {
  const asked = new Set(SCRIPT_COMMANDS.map(([command]) => command));

  test("are those of our scripts and more", () => {
    const used = ["debounce", "fleet", "webhooks", "redis-scripts"].flatMap((name) => {
      const directory = new URL(`../../${name}/lua/`, import.meta.url);
      const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((file) =>
        file.endsWith(".lua"),
      );
      return files.flatMap((file) => commandsIn(readFileSync(new URL(file, directory), "utf8")));
    });
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter((command) => !asked.has(command))).toEqual([]);
  });

  test("are those of BullMQ's scripts and more", () => {
    const { resolve } = createRequire(import.meta.url);
    const directory = new URL("scripts/", new URL(`file://${resolve("bullmq")}`));
    // Relays are no queues, and not used.
    const files = readdirSync(directory).filter((file) => file.endsWith(".js") && !file.startsWith("relay"));
    const used = files.flatMap((file) => commandsIn(readFileSync(new URL(file, directory), "utf8")));
    expect(used.length).toBeGreaterThan(50);
    expect([...new Set(used)].filter((command) => !asked.has(command))).toEqual([]);
  });

  test("are carried out by a server that permits everything", async () => {
    for (const [command, ...args] of SCRIPT_COMMANDS) {
      const words = args.map((word) => word.replace("$", "{rc:0}:probe:"));
      const error = await admin.call(command, ...words).then(
        () => "",
        (reason: Error) => reason.message,
      );
      expect(error, command).not.toMatch(/unknown|wrong number|syntax/i);
      await admin.del("{rc:0}:probe:1", "{rc:0}:probe:2");
    }
  });
});

function commandsIn(text: string): string[] {
  return [...text.matchAll(/(?:rcall|redis\.p?call)\(\s*['"]([A-Za-z]+)['"]/g)].map(([, word]) =>
    String(word).toUpperCase(),
  );
}

/** A way to the server on which it says one thing for another of the same length. */
async function saying(said: string, instead: string): Promise<number> {
  const line = await Line.to(Number(new URL(server.url).port));
  onTestFinished(() => line.close());
  line.rewrite = (bytes) => Buffer.from(bytes.toString("latin1").replaceAll(said, instead), "latin1");
  return line.port;
}
