import { connect, createServer, type Socket } from "node:net";
import { type OwnRedis, startRedis } from "@restart-coordinator/dev-redis";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { StreamFollower, type StreamFollowerOptions } from "../src/index.ts";

/** A Redis of this file's own, since it is killed; it keeps what it acknowledged. */
let server: OwnRedis;
let redis: Redis;
let tests = 0;
/** A stream of the test's own. */
const key = (name: string) => `${name}-${tests}`;
beforeAll(async () => {
  server = await startRedis({ own: true, appendOnly: true, appendfsync: "always" });
  redis = new Redis(server.url, { maxRetriesPerRequest: null }).on("error", () => {});
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  if (server.pid === undefined) await server.restart();
  tests += 1;
});

const until = <Result>(look: () => Result | Promise<Result>) => vi.waitFor(look, { timeout: 15_000, interval: 5 });

/** Follows the streams a and b, over the process' connection that is given. */
function follower(own: Redis, more: Partial<StreamFollowerOptions> = {}) {
  const told: string[] = [];
  let places = 0;
  const made = new StreamFollower({
    name: "the follower",
    redis: own,
    streams: [key("a"), key("b")],
    onEntry: (stream, [, fields]) => void told.push(`${stream.at(0)}: ${fields[1]}`),
    onPlace: () => {
      places += 1;
    },
    logger: pino({ level: "silent" }),
    ...more,
  });
  onTestFinished(() => made.stop());
  return { made, told, places: () => places };
}

const write = (stream: string, text: string) => redis.xadd(key(stream), "*", "text", text);

/** A process' own connection, and how many there are of that process. */
function ownConnection() {
  const connectionName = key("own");
  const own = new Redis(server.url, { connectionName });
  onTestFinished(() => own.disconnect());
  const lines = async () => String(await own.client("LIST")).split("\n");
  return { own, count: async () => (await lines()).filter((line) => line.includes(`name=${connectionName} `)).length };
}

describe("a follower", () => {
  test("tells what is written once it has started, in order, and nothing of before", async () => {
    await write("a", "before");
    const { made, told } = follower(redis);
    await made.start();
    for (const text of ["1", "2", "3"]) await write("a", text);
    await write("b", "4");
    await until(() => expect(told).toHaveLength(4));
    expect(told.filter((line) => line.startsWith("a"))).toEqual(["a: 1", "a: 2", "a: 3"]);
    expect(told).toContain("b: 4");
  });

  test("costs one connection for all its streams, and none once it is stopped, which waits for no read", async () => {
    const { own, count } = ownConnection();
    const { made } = follower(own);
    await Promise.all([made.start(), made.start()]);
    await until(async () => expect(String(await own.client("LIST"))).toContain("cmd=xread"));
    expect(await count()).toBe(2);
    const startedAt = performance.now();
    await Promise.all([made.stop(), made.stop()]);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await until(async () => expect(await count()).toBe(1));
  });

  test("that is stopped before it starts opens no connection", async () => {
    const { own, count } = ownConnection();
    const { made } = follower(own);
    await made.stop();
    await made.start();
    expect(await count()).toBe(1);
  });

  test("goes on from where it stood when Redis comes back, missing and repeating none", async () => {
    const { made, told } = follower(redis);
    await made.start();
    await write("a", "before the outage");
    await until(() => expect(told).toHaveLength(1));
    await server.kill();
    await server.restart();
    await Promise.all(Array.from({ length: 20 }, (_, n) => write("a", `after ${n}`)));
    await until(() => expect(told).toHaveLength(21));
    expect(new Set(told).size).toBe(21);
  });

  test("starts once Redis is there, and a stop ends a start that waits for it", async () => {
    await server.kill();
    const { made, told } = follower(redis);
    const { made: other } = follower(redis);
    const started = made.start();
    const ended = other.start();
    await other.stop();
    await ended;
    await server.restart();
    await started;
    await write("a", "1");
    await until(() => expect(told).toEqual(["a: 1"]));
  });

  test("stops at once although nobody answers", async () => {
    const { made } = follower(redis);
    await made.start();
    await server.kill("SIGSTOP");
    onTestFinished(() => server.kill("SIGCONT"));
    const startedAt = performance.now();
    await made.stop();
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  test("leaves a line on which nobody answers any more, and goes on over another one", async () => {
    const line = await lineTo(Number(new URL(server.url).port));
    const own = new Redis(line.port, "127.0.0.1", { lazyConnect: true });
    const { made, told, places } = follower(own, { blockMs: 200, silentMs: 200 });
    await made.start();
    await write("a", "heard");
    await until(() => expect(told).toEqual(["a: heard"]));
    line.fallSilent();
    await write("a", "not heard over the old line");
    await until(() => expect(told).toEqual(["a: heard", "a: not heard over the old line"]));
    expect(places()).toBe(2);
  });
});

/** A line to a local port. Once it falls silent, what goes over the connections it has arrives nowhere, and none is closed. */
async function lineTo(port: number) {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const socket of [near, far]) sockets.add(socket.on("error", () => {}));
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  return {
    port: (proxy.address() as { port: number }).port,
    fallSilent(): void {
      for (const socket of sockets) socket.unpipe().on("data", () => {});
    },
  };
}
