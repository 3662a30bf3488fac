import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests run on the sources: no build is needed, and a stack trace names the line that was written.
  // ("import" must not be listed: Node would then hand ES modules to what calls require.)
  ssr: { resolve: { conditions: ["@restart-coordinator/source", "node"] } },
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "demo/test/**/*.test.ts",
      "bench/test/**/*.test.ts",
      "tests/**/*.test.ts",
    ],
    globalSetup: ["./tests/setup/redis.ts"],
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
