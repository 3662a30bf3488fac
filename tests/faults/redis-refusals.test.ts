/** Redis' own refusals, each made by a real server, and the one name that each has here. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CoordinatorUnavailableError,
  describeCondition,
  fromRedis,
  Installation,
  REDIS_CONDITIONS,
  RestartCoordinator,
  remedyOf,
} from "@restart-coordinator/debounce";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { type Server, startServer } from "./support/local-servers.ts";

function coordinator({ url }: Server, user: { username?: string; password?: string } = {}): RestartCoordinator {
  const redis = new Redis(url, { ...user, retryStrategy: null, maxRetriesPerRequest: 0, enableReadyCheck: false });
  redis.on("error", () => {});
  onTestFinished(() => redis.disconnect());
  return new RestartCoordinator(new Installation({ redis }));
}

async function refusalOf(call: Promise<unknown>): Promise<CoordinatorUnavailableError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof CoordinatorUnavailableError) return error;
  throw new Error(`expected a refusal, got ${String(error)}`);
}

test.each([
  ["out-of-memory", ["CONFIG", "SET", "maxmemory", "1"]],
  ["read-only", ["REPLICAOF", "127.0.0.1", "1"]],
  ["too-few-replicas", ["CONFIG", "SET", "min-replicas-to-write", "1"]],
] as const)("%s: a change is refused under that name", async (condition, [command, ...args]) => {
  const server = await startServer();
  const { registry } = coordinator(server);
  await registry.register("w", {});
  await server.redis.call(command, ...args);
  const refusal = await refusalOf(registry.register("w", { name: "x" }));
  expect(refusal.condition).toBe(condition);
  expect(refusal.message).toMatch(describeCondition(condition));
});

test("not-persisting: the last background save failed", async () => {
  const directory = await mkdtemp(join(tmpdir(), "unsaved-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const server = await startServer(["--dir", directory, "--dbfilename", "dump.rdb"]);
  // In the way of the file that a save puts in place.
  await mkdir(join(directory, "dump.rdb"));
  const { registry } = coordinator(server);
  await registry.register("w", {});
  await server.redis.config("SET", "save", "3600 100000");
  await server.redis.bgsave();
  await eventually("the save has failed", async () =>
    /rdb_last_bgsave_status:err/.test(await server.redis.info("persistence")),
  );
  expect((await refusalOf(registry.register("w", { name: "x" }))).condition).toBe("not-persisting");
});

test.each([
  ["a command within a script", "~* -@all +@read +@connection +eval +evalsha +time"],
  ["scripts", "~* -@all +@read +@write +@connection"],
  ["the keys", "~other:* -@all +@read +@write +@connection +eval +evalsha +time"],
])("not-permitted: a user that may not use %s", async (_, rules) => {
  const server = await startServer();
  await server.redis.call("ACL", "SETUSER", "narrow", "reset", "on", ">secret", ...rules.split(" "));
  const { registry } = coordinator(server, { username: "narrow", password: "secret" });
  expect((await refusalOf(registry.register("w", {}))).condition).toBe("not-permitted");
});

test("not-authenticated: a server that asks for a password", async () => {
  const server = await startServer();
  await server.redis.call("ACL", "SETUSER", "default", "resetpass", ">secret");
  expect((await refusalOf(coordinator(server).registry.register("w", {}))).condition).toBe("not-authenticated");
});

test("busy: a script that does not end", async () => {
  const server = await startServer(["--busy-reply-threshold", "1"]);
  const { registry } = coordinator(server);
  await registry.register("w", {});
  const other = server.redis.duplicate();
  onTestFinished(() => other.disconnect());
  const stuck = other.eval("while true do end", 0);
  const refusal = await eventually("a call is refused", () => refusalOf(registry.desired("w")).catch(() => undefined));
  await server.redis.call("SCRIPT", "KILL");
  await expect(stuck).rejects.toThrow(/killed/);
  expect(refusal.condition).toBe("busy");
});

test("away: a connection that broke", async () => {
  const server = await startServer();
  const { registry } = coordinator(server);
  await registry.register("w", {});
  await server.kill();
  expect((await refusalOf(registry.register("w", { name: "x" }))).condition).toBe("away");
});

const replied = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "out-of-memory"],
  [
    "ERR Error running script (call to f_bd6f): @user_script:1: @user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.",
    "out-of-memory",
  ],
  [
    "ERR Error running script (call to f_93f3): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.",
    "read-only",
  ],
  ["UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", "read-only"],
  ["LOADING Redis is loading the dataset in memory", "loading"],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "master-down"],
  ["CLUSTERDOWN The cluster is down", "cluster-down"],
  ["WRONGPASS invalid username-password pair or user is disabled.", "not-authenticated"],
  ["NOPERM User narrow has no permissions to run the 'set' command", "not-permitted"],
])("%s is %s, in the words of other versions, too", (words, condition) => {
  expect(fromRedis(replied(words))).toMatchObject({ name: "CoordinatorUnavailableError", condition });
});

test.each([
  "BUSYGROUP Consumer Group name already exists",
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "ERR a workspace is called -OOM",
])("%s says nothing about how Redis is: it stays what it is", (words) => {
  const error = replied(words);
  expect(fromRedis(error)).toBe(error);
});

test("each condition has a sentence and a remedy", () => {
  for (const condition of REDIS_CONDITIONS) {
    expect(describeCondition(condition)).toMatch(/^Redis [a-z].{6,}/);
    expect(remedyOf(condition)).toMatch(/^[a-z].{8,}/);
  }
});
