import { describe, expect, test } from "vitest";
import { z } from "zod";
import { apiEnvironment, ConfigurationError, readEnvironment, VARIABLES, workerEnvironment } from "../src/index.ts";

/** What the person who started us reads, a line for each problem. */
function problems(env: NodeJS.ProcessEnv, schema: z.ZodObject = apiEnvironment): string[] {
  try {
    readEnvironment(schema, env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [title, ...lines] = error.message.split("\n");
    expect(title).toBe("the configuration cannot work:");
    return lines.map((line) => line.replace(/^ {2}- /, ""));
  }
  return [];
}

describe("without any variable", () => {
  test("the API has its defaults", () => {
    expect(readEnvironment(apiEnvironment, {})).toMatchObject({
      REDIS_URL: "redis://127.0.0.1:6379",
      SHARDS: 1,
      RESTART_PREFIX: "rc",
      RESTART_LEASE_MS: 15_000,
      RESTART_MIN_REPLICAS: 0,
      RESTART_REPLICA_TIMEOUT_MS: 100,
      RESTART_SWEEP_MS: 1_000,
      RESTART_ACTIVITY_TTL_MS: 604_800_000,
      LOG_LEVEL: "info",
      WORKSPACES_DIR: "workspaces",
      HOST: "127.0.0.1",
      PORT: 8_080,
      MAX_FILE_BYTES: 10_485_760,
    });
  });

  test("the worker needs none either", () => {
    expect(readEnvironment(workerEnvironment, {})).toMatchObject({ PROVISIONER: "process", CONCURRENCY: 10 });
  });
});

describe("values", () => {
  test("numbers and JSON are read as such", () => {
    expect(readEnvironment(apiEnvironment, { PORT: "0", SHARDS: "4" })).toMatchObject({ PORT: 0, SHARDS: 4 });
    const env = { PROCESS_COMMAND: '["node", "server.js"]', SIMULATED_FAIL_RATE: "0.25" };
    expect(readEnvironment(workerEnvironment, env)).toMatchObject({
      PROCESS_COMMAND: ["node", "server.js"],
      SIMULATED_FAIL_RATE: 0.25,
    });
  });

  test.each(["", "   ", "\t"])("an empty or blank one (%j) counts as not set", (value) => {
    const env = { PORT: value, RESTART_COOLDOWN_MS: value, HOST: value, API_TOKENS: value, RESTART_PROFILE: value };
    expect(readEnvironment(apiEnvironment, env)).toEqual(readEnvironment(apiEnvironment, {}));
  });

  test.each([
    ["PORT", "http", 'PORT: Invalid input: expected number, received NaN, got "http"'],
    ["PORT", "65536", 'PORT: Too big: expected number to be <=65535, got "65536"'],
    [
      "RESTART_SWEEP_MS",
      "2147483648",
      'RESTART_SWEEP_MS: Too big: expected number to be <=2000000000, got "2147483648"',
    ],
    ["PORT", "-1", 'PORT: Too small: expected number to be >=0, got "-1"'],
    ["SHARDS", "0", 'SHARDS: Too small: expected number to be >=1, got "0"'],
    ["SHARDS", "1.5", 'SHARDS: Invalid input: expected int, received number, got "1.5"'],
    ["RESTART_PREFIX", "a:b", 'RESTART_PREFIX: expected 1 to 32 letters, digits, _ or -, got "a:b"'],
    ["RESTART_PREFIX", "{rc}", 'RESTART_PREFIX: expected 1 to 32 letters, digits, _ or -, got "{rc}"'],
    ["RESTART_PROFILE", "sed", /^RESTART_PROFILE: .*"default"\|"seed"\|"settle", got "sed"$/],
    ["LOG_LEVEL", "verbose", /^LOG_LEVEL: .*"info".*, got "verbose"$/],
    [
      "RESTART_COOLDOWN_MS",
      "1m",
      'RESTART_COOLDOWN_MS: expected milliseconds, for example 60000 for a minute, got "1m"',
    ],
    ["WEBHOOK_TIMEOUT_MS", "60s", /^WEBHOOK_TIMEOUT_MS: expected milliseconds, for example 60000 .*, got "60s"$/],
    ["RESTART_LEASE_MS", "299", /^RESTART_LEASE_MS: .*>=300, got "299"$/],
  ])("%s=%s is refused, with what was expected and what came", (name, value, message) => {
    expect(problems({ [name]: value })).toEqual([message instanceof RegExp ? expect.stringMatching(message) : message]);
  });

  test.each([
    ["PROVISIONER", "ec3", /^PROVISIONER: .*"process".*, got "ec3"$/],
    ["PROCESS_COMMAND", "node server.js", 'PROCESS_COMMAND: expected JSON, got "node server.js"'],
    ["PROCESS_COMMAND", "[]", /^PROCESS_COMMAND: .*, got "\[\]"$/],
    ["SIMULATED_FAIL_RATE", "2", /^SIMULATED_FAIL_RATE: .*<=1, got "2"$/],
  ])("of the worker: %s=%s is refused", (name, value, message) => {
    expect(problems({ [name]: value }, workerEnvironment)).toEqual([
      message instanceof RegExp ? expect.stringMatching(message) : message,
    ]);
  });

  test("a long one is cut in the message", () => {
    expect(problems({ LOG_LEVEL: "x".repeat(10_000) })[0]?.length).toBeLessThan(300);
  });
});

describe("names", () => {
  test.each([
    ["REDIS_URLS", "REDIS_URL"],
    ["REDISURL", "REDIS_URL"],
    ["WORKSPACE_DIR", "WORKSPACES_DIR"],
    ["API_TOKEN", "API_TOKENS"],
    ["LOGLEVEL", "LOG_LEVEL"],
    ["CONCURENCY", "CONCURRENCY"],
    ["PROVISONER", "PROVISIONER"],
    ["RESTART_COOLDOWN", "RESTART_COOLDOWN_MS"],
    ["RESTART_POLICY_FIEL", "RESTART_POLICY_FILE"],
    ["SIMULATED_DURATION", "SIMULATED_DURATION_MS"],
  ])("%s is not ours: did you mean %s?", (name, nearest) => {
    expect(problems({ [name]: "1" })).toEqual([`unknown variable ${name}: did you mean ${nearest}?`]);
  });

  test("one in a name space of ours alone is refused, however far it is from the others", () => {
    expect(problems({ RESTART_FROBNICATE: "1" })).toEqual([
      expect.stringMatching(/^unknown variable RESTART_FROBNICATE: did you mean RESTART_\w+\?$/),
    ]);
  });

  test("the machine's own variables are no business of ours", () => {
    const env = {
      PATH: "/bin",
      HOME: "/root",
      HOSTNAME: "api-7c9f",
      SHELL: "/bin/sh",
      NODE_ENV: "production",
      REDIS_HOST: "x",
      REDIS_PORT: "x",
      REDIS_SERVER: "x",
      KUBERNETES_SERVICE_HOST: "10.0.0.1",
      KUBERNETES_PORT: "tcp://10.0.0.1:443",
      AWS_REGION: "x",
      HTTP_PROXY: "x",
      LC_ALL: "C",
    };
    expect(problems(env)).toEqual([]);
  });

  test.each([
    ["the API", apiEnvironment],
    ["the worker", workerEnvironment],
  ])("%s does not mind the other's variables", (_, schema) => {
    const theirs = Object.fromEntries(VARIABLES.filter((name) => !(name in schema.shape)).map((name) => [name, "?"]));
    expect(Object.keys(theirs).length).toBeGreaterThan(0);
    expect(problems(theirs, schema)).toEqual([]);
  });
});

test("all problems are told at once", () => {
  expect(problems({ PORT: "x", SHARDS: "0", RESTART_COOLDOWN: "1", API_TOKEN: "1", LOG_LEVEL: "loud" })).toEqual(
    expect.arrayContaining([
      expect.stringContaining("RESTART_COOLDOWN:"),
      expect.stringContaining("API_TOKEN:"),
      expect.stringContaining("PORT:"),
      expect.stringContaining("SHARDS:"),
      expect.stringContaining("LOG_LEVEL:"),
    ]),
  );
});

test("a value that may hold a secret is never repeated", () => {
  const schema = z.object({ API_TOKENS: z.literal("-"), REDIS_URL: z.literal("-"), MY_PASSWORD: z.literal("-") });
  const env = { API_TOKENS: "hunter2", REDIS_URL: "hunter2", MY_PASSWORD: "hunter2", API_TOKEN: "hunter2" };
  const told = problems(env, schema);
  expect(told).toHaveLength(4);
  expect(told.join()).not.toContain("hunter2");
});
