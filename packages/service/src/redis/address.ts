/** Where Redis is, as REDIS_URL says it. */
import { ConfigurationError } from "../configuration-error.ts";

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly kind: "server" | "sentinel" | "cluster";
  /** Every connection is encrypted: to the servers, and to the Sentinels, too. */
  readonly isEncrypted: boolean;
  /** A server's own; the Sentinels; the nodes of a Cluster to ask first. */
  readonly nodes: readonly RedisNode[];
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** The master's name at its Sentinels. */
  readonly group: string | undefined;
}

const SCHEMES: Readonly<Record<string, RedisAddress["kind"]>> = {
  redis: "server",
  "redis+sentinel": "sentinel",
  "redis+cluster": "cluster",
};

const USUAL_PORT = { server: 6_379, sentinel: 26_379, cluster: 6_379 };

/** @throws ConfigurationError */
export function parseRedisUrl(url: string): RedisAddress {
  const scheme = /^([a-z+]+):\/\//.exec(url)?.[1];
  const kind = SCHEMES[scheme?.replace(/^rediss/, "redis") ?? ""];
  if (scheme === undefined || kind === undefined) {
    const got = scheme === undefined ? "no scheme" : `${scheme}://`;
    throw new ConfigurationError([
      `REDIS_URL: expected redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://, got ${got}`,
    ]);
  }
  const isEncrypted = scheme.startsWith("rediss");
  return { kind, isEncrypted, ...(kind === "server" ? parseServer(url) : parseNodes(url, kind)) };
}

/** The address for people: without its password. */
export function describeAddress({ kind, isEncrypted, nodes, username, database, group }: RedisAddress): string {
  const scheme = `${isEncrypted ? "rediss" : "redis"}${kind === "server" ? "" : `+${kind}`}`;
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
  const path = [group, database === 0 ? undefined : database].filter((part) => part !== undefined).join("/");
  return `${scheme}://${username === undefined ? "" : `${username}@`}${hosts}${path === "" ? "" : `/${path}`}`;
}

type Parsed = Omit<RedisAddress, "kind" | "isEncrypted">;

function parseServer(url: string): Parsed {
  const expected = "redis://user:password@host:port/database";
  if (!URL.canParse(url)) throw unusable(expected);
  const { hostname, port, username, password, pathname, search, hash } = new URL(url);
  const [, database] = /^\/?(\d*)$/.exec(pathname) ?? [];
  if (hostname === "" || database === undefined || search !== "" || hash !== "") throw unusable(expected);
  return {
    nodes: [{ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: port === "" ? USUAL_PORT.server : Number(port) }],
    username: decoded(username) || undefined,
    password: decoded(password) || undefined,
    database: Number(database),
    group: undefined,
  };
}

const NODE = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/;

function parseNodes(url: string, kind: "sentinel" | "cluster"): Parsed {
  const [, credentials = "", hosts = "", path = ""] = /^[a-z+]+:\/\/(?:([^@/]*)@)?([^/]*)\/?(.*)$/.exec(url) ?? [];
  const [, username, password] = /^([^:]*)(?::(.*))?$/.exec(credentials)?.map(decoded) ?? [];
  const nodes = hosts.split(",").map((node) => {
    const [, address, name, port = String(USUAL_PORT[kind])] = NODE.exec(node) ?? [];
    const host = address ?? name;
    if (host === undefined || Number(port) < 1 || Number(port) > 65_535) throw unusable("host:port,host:port");
    return { host, port: Number(port) };
  });
  const user = { username: username || undefined, password: password || undefined };
  if (kind === "cluster") return { nodes, ...user, database: 0, group: undefined };
  const [group, database = "0", ...more] = path.split("/");
  if (!/^\d+$/.test(database) || more.length > 0) throw unusable("host:port,host:port/master-name/database");
  return { nodes, ...user, database: Number(database), group: group || "mymaster" };
}

function decoded(text: string | undefined): string {
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    throw unusable("a percent-encoded user and password");
  }
}

/** Says what was expected, never what came: it may hold a password. */
function unusable(expected: string): ConfigurationError {
  return new ConfigurationError([`REDIS_URL: expected ${expected}, special characters of a password percent-encoded`]);
}
