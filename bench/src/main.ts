/** `pnpm bench`: side by side with what people would use instead. */
import { describeEnvironment } from "./machine.ts";
import { measureRow, type RowResult } from "./measure.ts";
import { optionsOf, USAGE } from "./options.ts";
import { startBenchRedis } from "./redis.ts";
import { formatReport } from "./report.ts";

async function main(): Promise<number> {
  const { rows, rounds, isShort, json, help } = optionsOf(process.argv.slice(2));
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const results: RowResult[] = [];
  for (const row of rows) {
    const onRound = (title: string, round: number) => void process.stderr.write(`${title}: round ${round}\n`);
    results.push(await measureRow(row, { rounds, isShort, ...(!json && { onRound }) }));
  }
  const redis = await startBenchRedis();
  const environment = await describeEnvironment(redis);
  await redis.stop();
  console.log(json ? JSON.stringify({ environment, results }, null, 2) : formatReport(results, environment));
  return results.some(({ judged }) => judged.some(({ holds }) => holds === false)) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
