import { Cluster, Redis } from "ioredis";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";
import { ConfigurationError, connectRedis } from "../src/index.ts";

const logger = pino({ level: "silent" });

/** Connects as the URL says, to servers that need not be there, and lets go at once. */
function connected(url: string): Redis | Cluster {
  const redis = connectRedis({ REDIS_URL: url }, "fail-fast", logger);
  onTestFinished(() => redis.disconnect());
  redis.disconnect();
  return redis;
}

function server(url: string): Redis["options"] {
  const redis = connected(url);
  if (!(redis instanceof Redis)) throw new Error("expected a single server");
  return redis.options;
}

describe("a single server", () => {
  test.each([
    ["redis://127.0.0.1:6400", { host: "127.0.0.1", port: 6400 }],
    ["redis://cache", { host: "cache", port: 6379 }],
    ["redis://cache/3", { host: "cache", port: 6379, db: 3 }],
    ["redis://alice:p%40ss@cache:1", { host: "cache", port: 1, username: "alice", password: "p@ss" }],
    ["redis://:secret@cache:1", { host: "cache", port: 1, password: "secret" }],
    ["rediss://cache:6380", { host: "cache", port: 6380, tls: expect.anything() }],
  ])("%s", (url, expected) => {
    expect(server(url)).toMatchObject(expected);
  });
});

describe("a Sentinel group", () => {
  const one = [{ host: "h1", port: 26_379 }];

  test.each([
    ["redis+sentinel://h1/main", { sentinels: one, name: "main", db: 0 }],
    [
      "redis+sentinel://h1:1,h2:2/main/4",
      {
        sentinels: [
          { host: "h1", port: 1 },
          { host: "h2", port: 2 },
        ],
        name: "main",
        db: 4,
      },
    ],
    ["redis+sentinel://alice:s%3Acret@h1/main", { sentinels: one, username: "alice", password: "s:cret" }],
    ["redis+sentinel://:secret@h1/main", { sentinels: one, password: "secret" }],
    ["rediss+sentinel://h1/main", { sentinels: one, tls: {} }],
  ])("%s", (url, expected) => {
    expect(server(url)).toMatchObject(expected);
  });

  test.each(["redis+sentinel://h1", "redis+sentinel://h1/"])("%s is the group mymaster", (url) => {
    expect(server(url)).toMatchObject({ name: "mymaster", db: 0 });
  });
});

describe("a Cluster", () => {
  const nodesOf = (url: string) => {
    const redis = connected(url);
    if (!(redis instanceof Cluster)) throw new Error("expected a Cluster");
    return { nodes: Reflect.get(redis, "startupNodes"), redisOptions: redis.options.redisOptions };
  };

  test.each([
    [
      "redis+cluster://h1:1,h2:2",
      {
        nodes: [
          { host: "h1", port: 1 },
          { host: "h2", port: 2 },
        ],
      },
    ],
    [
      "redis+cluster://h1,h2",
      {
        nodes: [
          { host: "h1", port: 6379 },
          { host: "h2", port: 6379 },
        ],
      },
    ],
    [
      "redis+cluster://[::1]:7000,[fe80::2]",
      {
        nodes: [
          { host: "::1", port: 7000 },
          { host: "fe80::2", port: 6379 },
        ],
      },
    ],
    ["redis+cluster://alice:secret@h1", { redisOptions: { username: "alice", password: "secret" } }],
    ["redis+cluster://alice:a:colon@h1", { redisOptions: { username: "alice", password: "a:colon" } }],
    ["rediss+cluster://h1", { redisOptions: { tls: {} } }],
  ])("%s", (url, expected) => {
    expect(nodesOf(url)).toMatchObject(expected);
  });
});

describe("what is no URL of these forms is told in plain words, without the password", () => {
  test.each([
    ["127.0.0.1:6379", "got no scheme"],
    ["cache", "got no scheme"],
    ["", "got no scheme"],
    ["http://hunter2@cache", "got http://"],
    ["unix:///var/run/redis.sock", "got unix://"],
    ["redis://:hunter2@cache:port", "expected redis://user:password@host:port/database"],
    ["redis://:hunter2#1@cache:6379", "expected redis://user:password@host:port/database"],
    ["redis://:hunter2@cache:70000", "expected redis://user:password@host:port/database"],
    ["redis://:hunter2@cache/zero", "expected redis://user:password@host:port/database"],
    ["redis+cluster://", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@h1,,h2", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@h1:port", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@h1:0", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@h1:70000", "expected host:port,host:port"],
    ["redis+cluster://:hunter2@::1:7000", "expected host:port,host:port"],
    ["redis+cluster://:hunter2%@h1", "expected a percent-encoded user and password"],
    ["redis+sentinel://:hunter2@h1/main/zero", "expected host:port,host:port/master-name/database"],
    ["redis+sentinel://:hunter2@h1/main/0/more", "expected host:port,host:port/master-name/database"],
  ])("%s", (url, expected) => {
    const connecting = () => connectRedis({ REDIS_URL: url }, "fail-fast", logger);
    expect(connecting).toThrow(ConfigurationError);
    expect(connecting).toThrow(`REDIS_URL: expected`);
    expect(connecting).toThrow(expected);
    expect(connecting).not.toThrow(/hunter2/);
  });
});
