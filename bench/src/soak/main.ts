/** `pnpm soak`: does anything grow? Exit code 0: flat. 1: something grew, or was answered wrongly. */
import { parseArgs } from "node:util";
import { runSoak } from "./run.ts";
import type { Sample } from "./samples.ts";

const USAGE = `pnpm soak [--minutes N] [--json]

  --minutes N   how long (default 10; less than 5 sees mostly the warm-up)
  --json        prints the result as JSON, and nothing else`;

try {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((arg) => arg !== "--"),
    options: {
      minutes: { type: "string", default: "10" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 10_000)) throw new Error(`--minutes: expected 0 to 10000, got ${values.minutes}`);
  if (values.help) console.log(USAGE);
  else process.exitCode = await soak(minutes, values.json);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

async function soak(minutes: number, json: boolean): Promise<number> {
  const told = (sample: Sample) =>
    console.log(
      Object.entries(sample)
        .map(([what, value]) => `${what} ${Math.round(value)}`)
        .join(" · "),
    );
  const result = await runSoak(minutes, json ? () => {} : told);
  const { trends, asked, surprises, isFlat } = result;
  const isGood = isFlat && Object.keys(surprises).length === 0;
  if (json) console.log(JSON.stringify({ minutes, isGood, ...result }));
  else {
    console.log(`\n${asked} requests in ${minutes} min`);
    for (const { what, before, after, isFlat: flat } of trends) {
      console.log(`${flat ? "flat " : "GROWS"}  ${what.padEnd(14)} ${before.toFixed(1)} → ${after.toFixed(1)}`);
    }
    for (const [what, count] of Object.entries(surprises)) console.log(`unexpected: ${what} (${count} times)`);
    console.log(isGood ? "\nflat" : "\nnot flat, or not all answered as expected");
  }
  return isGood ? 0 : 1;
}
