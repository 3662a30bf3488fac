import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";

/** Tests that count what their process has open: each has a process of its own. */
const ALONE = ["tests/services.test.ts"];

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
  // What a file imports is paid for once a process, not once a file.
  isolate: false,
  // Most of the time the tests wait for servers and programs that they start.
  maxWorkers: availableParallelism() + 1,
  // How soon something comes is never judged by a wait for it.
  expect: { poll: { timeout: 30_000 } },
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
          exclude: [...configDefaults.exclude, ...ALONE],
          globalSetup: ["./tests/setup/build.ts", "./tests/setup/bundles.ts"],
          // Nothing here is about speed: a process takes long to start on a machine that is busy with other things.
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        ssr,
        test: { ...common, name: "alone", include: ALONE, isolate: true, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        ssr,
        test: {
          ...common,
          name: "parts",
          include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...PROCESSES],
          // No test is about speed, and a machine may be busy with other things.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
