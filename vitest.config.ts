import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

/** Tests that start programs as processes, or servers of their own: they mostly wait, and take long on a busy machine. */
const PROCESSES = [
  "apps/api/test/{broken-off,redis-away,starting}.test.ts",
  "apps/cli/test/**/*.test.ts",
  "apps/worker/test/provisioners/{process-*,command/*,ec2/crash}.test.ts",
  "bench/test/**/*.test.ts",
  "demo/test/**/*.test.ts",
  "packages/{dev-moto,dev-redis,simulator}/test/**/*.test.ts",
  "tests/**/*.test.ts",
];

const common = {
  pool: "forks",
  // Each file has a process of its own: some count what their process has open.
  isolate: true,
  // One core is left to the servers and programs that the tests start.
  maxWorkers: availableParallelism(),
  // How soon something comes is never judged by a wait for it.
  expect: { poll: { timeout: 10_000 } },
} as const;

// Tests run on the sources: no build is needed, and a stack trace names the line that was written.
// ("import" must not be listed: Node would then hand ES modules to what calls require.)
const ssr = { resolve: { conditions: ["@restart-coordinator/source", "node"] } };

export default defineConfig({
  test: {
    globalSetup: ["./tests/setup/redis.ts"],
    projects: [
      {
        ssr,
        test: {
          ...common,
          name: "processes",
          include: PROCESSES,
          globalSetup: ["./tests/setup/build.ts", "./tests/setup/bundles.ts"],
          // Nothing here is about speed: a process takes long to start on a machine that is busy with other things.
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        ssr,
        test: {
          ...common,
          name: "parts",
          isolate: false,
          include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...PROCESSES],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
});
