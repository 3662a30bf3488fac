/**
 * Bundles the programs that tests start as processes, once for the whole run. Loading its hundreds of files, and
 * transforming our own, takes a process several times as long as what most tests want of it.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The directory of the bundles. */
    bundles: string;
  }
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The programs by their source files. */
const PROGRAMS = [
  "apps/api/src/main.ts",
  "apps/cli/src/main.ts",
  "apps/worker/src/main.ts",
  "apps/worker/test/provisioners/command/fixtures/doomed-worker.ts",
  "apps/worker/test/provisioners/ec2/doomed-ec2-worker.ts",
  "apps/worker/test/provisioners/fixtures/doomed-worker.ts",
  "packages/dev-moto/test/support/start-and-wait.ts",
  "packages/dev-redis/test/support/start-and-forget.ts",
  "packages/dev-redis/test/support/start-and-wait.ts",
  "packages/simulator/src/main.ts",
  "tests/faults/support/fault-point.ts",
];

/** Packages that look for files beside their own: they stay where they are. */
const UNBUNDLED = /^(@bull-board\/|testcontainers$)/;

/** What our sources find by their own address lies beside the sources, not beside a bundle. */
const addresses: Plugin = {
  name: "addresses",
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const url = JSON.stringify(pathToFileURL(path).href);
      return { loader: "ts", contents: text.replaceAll("import.meta.url", url) };
    });
    onResolve({ filter: UNBUNDLED }, ({ path, importer }) => {
      return { path: pathToFileURL(createRequire(importer).resolve(path)).href, external: true };
    });
  },
};

/** For vitest's `globalSetup`: see `programs.ts` for how tests find the bundles. */
export default async function bundlePrograms(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "test-programs-"));
  await build({
    entryPoints: PROGRAMS,
    absWorkingDir: ROOT,
    outdir: directory,
    outbase: ROOT,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // Shared chunks: a preloaded module and the program it changes have the same instances.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@restart-coordinator/source"],
    // ES modules first: of the AWS SDK only what is used is then left.
    mainFields: ["module", "main"],
    // For CommonJS among the dependencies.
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(${JSON.stringify(ROOT)});`,
    },
    plugins: [addresses],
    logLevel: "warning",
  });
  project.provide("bundles", directory);
  return () => rm(directory, { recursive: true, force: true });
}
