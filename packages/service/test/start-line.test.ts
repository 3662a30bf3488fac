import { pino } from "pino";
import { expect, test } from "vitest";
import { apiEnvironment, LivePolicies, logStart } from "../src/index.ts";

test.each([
  ["redis://alice:hunter2@cache:6400/3", "redis://alice@cache:6400/3"],
  ["redis://:hunter2@[::1]", "redis://[::1]:6379"],
  ["rediss+sentinel://alice:hunter2@h1,h2:1/main/4", "rediss+sentinel://alice@h1:26379,h2:1/main/4"],
  ["redis+cluster://alice:hunter2@h1:7000,[fe80::2]", "redis+cluster://alice@h1:7000,[fe80::2]:6379"],
])("the first line says by which policy and where the process works: %s without its password", (REDIS_URL, redis) => {
  const config = apiEnvironment.parse({ REDIS_URL, RESTART_PROFILE: "settle" });
  const policies = new LivePolicies(config);
  const lines: string[] = [];
  logStart(config, policies, pino({}, { write: (line: string) => void lines.push(line) }));
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({
      profile: "settle",
      policyRevision: policies.revision,
      prefix: "rc",
      redis,
      msg: `starting with the profile settle on ${redis}`,
    }),
  ]);
  expect(lines.join()).not.toContain("hunter2");
});
