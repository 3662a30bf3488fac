import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function sources(folder: string): { file: string; text: string }[] {
  const files = findFiles(`${folder}/src`);
  expect(files.length).toBeGreaterThan(0);
  return files.map((file) => ({ file, text: readFileSync(ROOT + file, "utf8") }));
}

function findFiles(folder: string): string[] {
  const names = readdirSync(ROOT + folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.tsx?$/.test(name)).map((name) => `${folder}/${name}`);
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from |import\()"([^"]+)"/g)].map(([, name]) => name as string);
}

/** What each part may import, besides Node and its own files. Arrows go one way, so that a part can be read by itself. */
const MAY_IMPORT: Record<string, readonly RegExp[]> = {
  // The coordinator must fit into somebody else's server.
  "packages/redis-scripts": [/^ioredis$/],
  "packages/debounce": [/^(ioredis|fastest-levenshtein)$/, /^@restart-coordinator\/redis-scripts$/],
  "packages/fleet": [/^ioredis$/, /^@restart-coordinator\/(debounce|redis-scripts)$/],
  // What both processes need knows the coordinator, and neither process.
  "packages/service": [
    /^(ioredis|bullmq|pino|pino-pretty|prom-client|zod|yaml|croner|fastest-levenshtein)$/,
    /^(bullmq-otel|@opentelemetry\/.+)$/,
    /^@restart-coordinator\/debounce$/,
  ],
  "packages/webhooks": [
    /^(ioredis|pino|standardwebhooks|ipaddr\.js)$/,
    /^@restart-coordinator\/(debounce|redis-scripts|service)$/,
  ],
  "packages/simulator": [/^(commander|csv-parse\/sync|zod)$/, /^@restart-coordinator\/(debounce|service)$/],
  // What both processes check a spec by knows neither a worker nor AWS.
  "packages/provisioner-specs": [/^zod$/],
  // Somebody else's worker: no BullMQ, no HTTP. (The conformance kit is for vitest.)
  "packages/worker": [/^vitest$/, /^@restart-coordinator\/debounce$/],
  "apps/api": [
    /^(ioredis|bullmq|pino|zod|zod-openapi|express|sirv|@streamparser\/json)$/,
    /^@bull-board\//,
    /^@restart-coordinator\/(debounce|fleet|provisioner-specs|service|service\/boot|simulator|webhooks)$/,
  ],
  // A page in the browser: it knows the HTTP API, and nothing else of ours.
  "apps/console": [/^(preact|preact\/hooks|@preact\/signals|@tanstack\/virtual-core|d3-scale|uplot)$/],
  // Programs that ask over HTTP need to know nothing else. (The simulator and the policy file's reader are loaded when asked for.)
  "apps/cli": [/^(commander|eventsource-parser\/stream)$/, /^@restart-coordinator\/(service|simulator)$/],
  "apps/worker": [
    /^(ioredis|bullmq|pino|zod|@aws-sdk\/client-ec2|@opentelemetry\/api)$/,
    /^@restart-coordinator\/(debounce|fleet|provisioner-specs|service|service\/boot|webhooks|worker)$/,
  ],
};

describe.each(Object.entries(MAY_IMPORT))("%s", (folder, allowed) => {
  test("imports nothing but what it may", () => {
    const wrong = sources(folder).flatMap(({ file, text }) =>
      importsOf(text)
        .filter((name) => !name.startsWith("node:") && !name.startsWith("."))
        .filter((name) => !allowed.some((pattern) => pattern.test(name)))
        .map((name) => `${file} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test("does not reach into another part's files", () => {
    const wrong = sources(folder).flatMap(({ file, text }) => {
      const depth = file.split("/").length - folder.split("/").length - 1;
      return importsOf(text)
        .filter((name) => (name.match(/\.\.\//g) ?? []).length > depth - 1)
        .map((name) => `${file} imports ${name}`);
    });
    expect(wrong).toEqual([]);
  });
});

test("only the EC2 provisioner knows the AWS SDK", () => {
  const elsewhere = sources("apps/worker")
    .filter(({ file }) => !file.includes("/provisioners/ec2"))
    .filter(({ text }) => importsOf(text).some((name) => name.startsWith("@aws-sdk/")))
    .map(({ file }) => file);
  expect(elsewhere).toEqual([]);
});

test("only one file of the coordinator knows how keys are named", () => {
  const elsewhere = sources("packages/debounce")
    .filter(({ file }) => !file.endsWith("keys.ts"))
    .filter(({ text }) => /`\{\$\{|:(state|window|started-at|journal|covers):/.test(text))
    .map(({ file }) => file);
  expect(elsewhere).toEqual([]);
});

test("nothing but the shared clock decides: the coordinator's core never asks the process for the time", () => {
  const asking = sources("packages/debounce")
    .filter(({ text }) => /Date\.now\(|new Date\(\)/.test(text))
    .map(({ file }) => file);
  expect(asking).toEqual([]);
});

test("nothing loads tracing unless it is configured, and nothing is loaded before it", () => {
  const statically = sources("packages/service")
    .filter(({ text }) => /from "(\.\.?\/)+(tracing\/)?(sdk|hint-telemetry)\.ts"/.test(text))
    .map(({ file }) => file);
  expect(statically).toEqual(["packages/service/src/tracing/sdk.ts"]);
  for (const app of ["api", "worker"]) {
    const main = readFileSync(`${ROOT}apps/${app}/src/main.ts`, "utf8");
    expect([...main.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name)).toEqual([
      "@restart-coordinator/service/boot",
    ]);
  }
});

test("what tests share does nothing when it is imported: a worker imports it once, for all of its test files", () => {
  const folders = ["apps", "packages"].flatMap((kind) =>
    readdirSync(ROOT + kind).map((name) => `${kind}/${name}/test`),
  );
  const shared = [...folders.filter((folder) => existsSync(ROOT + folder)), "bench/test", "demo/test", "tests"]
    .flatMap(findFiles)
    .filter((file) => !file.endsWith(".test.ts") && !file.includes("node_modules"));
  expect(shared.length).toBeGreaterThan(50);
  const atOnce =
    /^(?:export )?(?:(?:const|let) [^=\n]+= )?(?:await )?(?:before|after)(?:All|Each)\(|^[^/\n ].*\buse[A-Z]\w*\(.*\);$|\bvi\.setConfig\(/m;
  expect(shared.filter((file) => atOnce.test(readFileSync(ROOT + file, "utf8")))).toEqual([]);
});
