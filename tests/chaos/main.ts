/** `pnpm chaos`: everything at once goes wrong, and a judge decides. Exit code 1: a promise was broken. */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { formatEvent, formatResult } from "./report.ts";
import { runChaos } from "./run.ts";

const USAGE = `pnpm chaos [--seconds N] [--seed S] [--json]

  --seconds N   how long things go wrong; the calm-down comes on top (default 60)
  --seed S      repeats the schedule of an earlier run (default: a random one)
  --json        prints the result as JSON, and nothing else`;

function optionsOf(args: string[]) {
  const { values } = parseArgs({
    // npm and pnpm may pass their own separator on.
    args: args.filter((arg) => arg !== "--"),
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: String(randomInt(1, 2 ** 31)) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds >= 1 && seconds <= 86_400)) throw new Error(`--seconds: expected 1 to 86400, got ${values.seconds}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed: expected a whole number, got ${values.seed}`);
  return { ...values, seconds, seed };
}

async function main(): Promise<number> {
  const { seconds, seed, json, help } = optionsOf(process.argv.slice(2));
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const command = `pnpm chaos --seconds ${seconds} --seed ${seed}`;
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(new Error(signal)));
  const timeline: string[] = [];
  if (!json) console.log(`chaos for ${seconds} s; the seed is ${seed}`);
  const result = await runChaos({
    seconds,
    seed,
    signal: stop.signal,
    onEvent: (event) => {
      if (json) timeline.push(formatEvent(event));
      else console.log(formatEvent(event));
    },
  });
  console.log(json ? JSON.stringify({ command, seconds, seed, timeline, ...result }) : formatResult(result, command));
  return result.verdict.kept && result.surprises.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error && error.name !== "AbortError" ? error.message : "stopped");
  process.exitCode = 2;
}
