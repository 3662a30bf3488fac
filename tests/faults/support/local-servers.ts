/** Redis servers of a test's own that replicate, on loopback. They end with the test, or with this process. */
import { spawnSync } from "node:child_process";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";

/** The server's program; undefined where none is installed: containers cannot reach each other on loopback. */
export const serverBinary = [process.env.REDIS_SERVER, "redis-server", "valkey-server"].find(
  (binary) => binary && spawnSync(binary, ["--version"], { stdio: "ignore" }).status === 0,
);

export interface Server extends OwnRedis {
  readonly port: number;
  /** A connection of the test's own. */
  readonly redis: Redis;
}

export interface ServerOptions {
  /** Keeps what it acknowledged over a SIGKILL and a restart. */
  readonly appendOnly?: boolean;
}

/** A server that ends with the test. */
export async function startServer(args: readonly string[] = [], options: ServerOptions = {}): Promise<Server> {
  const server = await openServer(args, options);
  onTestFinished(() => server.stop());
  return server;
}

/** A server that the caller stops. */
export async function openServer(args: readonly string[], options: ServerOptions): Promise<Server> {
  const durable = options.appendOnly ? ({ appendOnly: true, appendfsync: "always" } as const) : {};
  const server = await startRedis({ own: true, ...durable, args: ["--repl-diskless-sync-delay", "0", ...args] });
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  redis.on("error", () => {});
  const { stop } = server;
  const stopBoth = async () => {
    redis.disconnect();
    await stop();
  };
  return Object.assign(server, { port: Number(new URL(server.url).port), redis, stop: stopBoth });
}

/** Resolves once it has a copy of everything the master holds. It may reach it on another port than the master's own. */
export async function startReplicaOf(master: Server, port = master.port): Promise<Server> {
  const replica = await startServer(["--replicaof", "127.0.0.1", String(port)]);
  await eventually("the replica is in step", async () =>
    /master_link_status:up/.test(await replica.redis.info("replication")),
  );
  await acknowledged(master);
  return replica;
}

/**
 * Resolves once the master's replica has acknowledged all that was written. A master streams nothing to one that has not
 * acknowledged anything yet, for up to a second after the replica's own word that the link is up.
 */
export async function acknowledged({ redis }: Server): Promise<void> {
  // WAIT is for what its own connection has written, and this is written to replicas, too.
  await redis.publish("acknowledged", "");
  await eventually("the replica acknowledges", async () => Number(await redis.call("WAIT", 1, 1_000)) === 1);
}
