/** `pnpm bench:growth`: measures, prints the points, and draws docs/growth.svg. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeEnvironment } from "../machine.ts";
import { startBenchRedis } from "../redis.ts";
import { measureGrowth } from "./measure.ts";
import { plotGrowth } from "./plot.ts";

const USAGE = `pnpm bench:growth [--short] [--json] [--svg FILE]

  --svg FILE   where to draw it (default docs/growth.svg)
  --short      just enough to see that it works
  --json       prints the points as JSON, and nothing else`;

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    svg: { type: "string", default: "docs/growth.svg" },
    short: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) console.log(USAGE);
else {
  const points = await measureGrowth(values.short, (point) => {
    if (!values.json) console.log(JSON.stringify(point));
  });
  const redis = await startBenchRedis();
  const environment = await describeEnvironment(redis);
  await redis.stop();
  const { machine, versions } = environment;
  writeFileSync(values.svg, plotGrowth(points, `${machine}; Redis ${versions.redis}, Node ${versions.node}`));
  if (values.json) console.log(JSON.stringify({ environment, points }));
}
