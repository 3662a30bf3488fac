/** What is asked to be encrypted is, to real servers: alone, behind Sentinels, in a Cluster; and certificates are verified. */
import { onFreePort } from "@restart-coordinator/dev-redis";
import {
  connectRedis,
  createLogger,
  findObstacles,
  isPermanent,
  type RedisSettings,
} from "@restart-coordinator/service";
import type { Cluster, Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Authority, type Certificate, createAuthority } from "./support/certificates.ts";
import { eventually } from "./support/eventually.ts";
import { Line } from "./support/line.ts";
import { type Server, serverBinary, startServer } from "./support/local-servers.ts";
import { startSentinel } from "./support/sentinel.ts";

/** A TLS connection begins with a handshake record, whatever follows. */
const HANDSHAKE = 0x16;

const FORMS = ["one server", "a Sentinel group", "a Cluster"] as const;
type Form = (typeof FORMS)[number];

interface Installation {
  readonly url: string;
  /** Everything that is reached by the URL, or told by who is, is reached over these. */
  readonly lines: readonly Line[];
}

async function start(form: Form, tls: readonly string[]): Promise<Installation> {
  if (form === "a Cluster") return startCluster(tls);
  const { port } = await startTlsServer(tls);
  const toServer = await lineTo(port);
  if (form === "one server") return { url: `rediss://127.0.0.1:${toServer.port}`, lines: [toServer] };
  const sentinel = await startSentinel({ port: toServer.port }, { tls });
  const toSentinel = await lineTo(sentinel.tlsPort as number);
  return { url: `rediss+sentinel://127.0.0.1:${toSentinel.port}/mymaster`, lines: [toSentinel, toServer] };
}

/** A server that also speaks TLS; the port is that one. Tests see to it by the plain one. */
async function startTlsServer(tls: readonly string[], more: readonly string[] = []): Promise<Server> {
  return onFreePort(async (port) => {
    const server = await startServer(["--tls-port", String(port), "--tls-replication", "yes", ...tls, ...more]);
    return Object.assign(server, { port });
  });
}

/** One node that has all slots and tells the line's address as its own. */
async function startCluster(tls: readonly string[]): Promise<Installation> {
  let line: Line | undefined;
  const server = await onFreePort(async (port) => {
    line = await lineTo(port);
    const cluster = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-announce-ip", "127.0.0.1"];
    const announced = ["--cluster-announce-tls-port", String(line.port)];
    return startServer(["--tls-port", String(port), ...tls, ...cluster, ...announced]);
  });
  await server.redis.call("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
  await eventually("the slots are served", async () =>
    /cluster_state:ok/.test(String(await server.redis.call("CLUSTER", "INFO"))),
  );
  const toNode = line as Line;
  return { url: `rediss+cluster://127.0.0.1:${toNode.port}`, lines: [toNode] };
}

async function lineTo(port: number): Promise<Line> {
  const line = await Line.to(port);
  onTestFinished(() => line.close());
  return line;
}

function servedWith({ ca }: Authority, { cert, key }: Certificate): string[] {
  return ["--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key];
}

function connect(settings: RedisSettings): Redis | Cluster {
  const redis = connectRedis(settings, "wait", createLogger("test", "silent"));
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** It does not get in, however long it waits, and is told why. */
async function expectRefused(settings: RedisSettings, reason: RegExp): Promise<void> {
  const redis = connect(settings);
  await new Promise((resolve) => redis.once("error", resolve));
  const obstacles = await findObstacles(settings);
  expect(obstacles.map(({ error }) => error.message)).toEqual([expect.stringMatching(reason)]);
  expect(obstacles.every(({ error }) => isPermanent(error))).toBe(true);
  expect(redis.status).not.toBe("ready");
}

describe.skipIf(serverBinary === undefined).each(FORMS)("%s", (form) => {
  test("every connection is encrypted, and shows the certificate that is asked for", async () => {
    const authority = await createAuthority();
    const { url, lines } = await start(form, servedWith(authority, await authority.sign("127.0.0.1")));
    const own = await authority.sign("restart-coordinator");
    const redis = connect({
      REDIS_URL: url,
      REDIS_TLS_CA_FILE: authority.ca,
      REDIS_TLS_CERT_FILE: own.cert,
      REDIS_TLS_KEY_FILE: own.key,
    });
    expect(await redis.set("key", "value")).toBe("OK");
    for (const line of lines) {
      expect(line.firstBytes.length).toBeGreaterThan(0);
      expect(new Set(line.firstBytes)).toEqual(new Set([HANDSHAKE]));
    }
  });

  test("without a certificate of its own it is refused by a server that asks for one", async () => {
    const authority = await createAuthority();
    const { url } = await start(form, servedWith(authority, await authority.sign("127.0.0.1")));
    await expectRefused({ REDIS_URL: url, REDIS_TLS_CA_FILE: authority.ca }, /certificate required/);
  });

  test("a server whose certificate another authority has signed is not talked to", async () => {
    const [authority, another] = [await createAuthority(), await createAuthority()];
    const tls = [...servedWith(authority, await authority.sign("127.0.0.1")), "--tls-auth-clients", "no"];
    const { url } = await start(form, tls);
    for (const settings of [{ REDIS_URL: url }, { REDIS_URL: url, REDIS_TLS_CA_FILE: another.ca }]) {
      await expectRefused(settings, /unable to (verify|get)|self-signed|signature failure/);
    }
  });

  test("a server that is called otherwise is not talked to, unless its name is given", async () => {
    const authority = await createAuthority();
    const tls = [...servedWith(authority, await authority.sign("redis.test")), "--tls-auth-clients", "no"];
    const { url } = await start(form, tls);
    const settings = { REDIS_URL: url, REDIS_TLS_CA_FILE: authority.ca };
    await expectRefused(settings, /IP: 127\.0\.0\.1 is not in the cert's list/);
    expect(await connect({ ...settings, REDIS_TLS_SERVER_NAME: "redis.test" }).set("key", "value")).toBe("OK");
  });
});

test.skipIf(serverBinary === undefined)("Sentinels that ask for a user and a password are given theirs", async () => {
  const server = await startServer();
  const users = ["user default off", "user watcher on >sentinel-secret allchannels +@all"];
  const { url } = await startSentinel(server, { config: users, user: ["watcher", "sentinel-secret"] });
  const settings = { REDIS_URL: url, REDIS_SENTINEL_USERNAME: "watcher", REDIS_SENTINEL_PASSWORD: "sentinel-secret" };
  expect(await connect(settings).set("key", "value")).toBe("OK");
  await expectRefused({ ...settings, REDIS_SENTINEL_PASSWORD: "wrong" }, /WRONGPASS/);
});
