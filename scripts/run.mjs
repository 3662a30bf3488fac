/**
 * `npm test` and `npm run demo` from a bare clone: fetches what is missing, builds, runs, and says how long each step took.
 *
 *   node scripts/run.mjs test [vitest arguments]
 *   node scripts/run.mjs demo [demo arguments]
 */
import { fileURLToPath } from "node:url";
import { exitCodeOf, run } from "./setup/child.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { checkNodeVersion } from "./setup/node-version.mjs";
import { pnpmCommand } from "./setup/pnpm.mjs";
import { ensureRedis } from "./setup/redis.mjs";
import { SetupError } from "./setup/setup-error.mjs";

const bin = "node_modules/.bin";
// turbo looks for pnpm on PATH; started through pnpm it finds that one.
const build = ["build", () => [...pnpmCommand(), "exec", "turbo", "run", "build", "--output-logs=errors-only"]];
const lint = ["lint", () => [`${bin}/biome`, "check", "."]];
const typesOf = (project) => [`${bin}/tsc`, "--noEmit", "-p", project];
const types = ["types", () => typesOf("tsconfig.json")];
// It is made for browsers, which know other things than Node.
const consoleTypes = ["console's", () => typesOf("apps/console")];
const plans = {
  test: (args) => {
    const tests = ["tests", () => [`${bin}/vitest`, "run", ...args]];
    // Who names some tests waits for their verdict. What they need built, they build.
    const namesSome = args.some((arg) => !arg.startsWith("-"));
    return namesSome ? [tests, lint, types, consoleTypes] : [build, lint, types, consoleTypes, tests];
  },
  demo: (args) => [build, ["demo", () => [process.execPath, "demo/dist/main.js", ...args], { stdin: "inherit" }]],
};

const times = [];

async function timed(name, action) {
  const startedAt = performance.now();
  try {
    return await action();
  } finally {
    times.push([name, ((performance.now() - startedAt) / 1_000).toFixed(1)]);
  }
}

async function main([task, ...args]) {
  if (!Object.hasOwn(plans, task ?? "")) {
    throw new SetupError(`Expected "test" or "demo", got ${task === undefined ? "nothing" : `"${task}"`}.`);
  }
  checkNodeVersion();
  await timed("install", installDependencies);
  await timed("redis", ensureRedis);
  process.env.TURBO_TELEMETRY_DISABLED = "1";
  const exitCode = await runSteps(plans[task](args));
  printTimes();
  return exitCode;
}

async function runSteps(steps) {
  for (const [name, command, options] of steps) {
    console.log(`\n▸ ${name}`);
    const result = await timed(name, () => run(command(), options));
    const exitCode = exitCodeOf(result);
    if (exitCode !== 0) {
      console.error(`\n▸ ${name} ${result.signal ? `ended by ${result.signal}` : `failed with exit code ${exitCode}`}`);
      return exitCode;
    }
  }
  return 0;
}

function printTimes() {
  // Not on stdout: the demo's last line there is for programs.
  console.error("\nstep      seconds");
  for (const [name, seconds] of times) console.error(name.padEnd(10) + seconds.padStart(7));
}

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}
