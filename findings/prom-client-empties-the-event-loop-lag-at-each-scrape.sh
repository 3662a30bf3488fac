#!/usr/bin/env bash
# What two Prometheus servers see of prom-client's event loop lag.
#
# Version: prom-client 15.1.3 (the newest), Node 20.20.2.
# Valid input: `collectDefaultMetrics`, an event loop that was blocked once for 300 ms, and two scrapes after it, as two
# servers make them (a pair for availability, or a person with curl).
# Behaviour: minimum, maximum, mean, deviation and percentiles are of the time since the last scrape, whoever made it:
# the first scraper sees the 300 ms, and the other sees none of it.
#
# Output seen:
#   max lag seen by the first scraper: 0.3 s or more; by the second: less than 0.1 s
#
# Exits 0 while this is so, 1 once it is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module", "dependencies": { "prom-client": "15.1.3" } }' >package.json
npm install --silent --no-audit --no-fund
cat >run.mjs <<'JS'
import { setTimeout as sleep } from "node:timers/promises";
import client from "prom-client";

client.collectDefaultMetrics();
const scrape = async () => {
  const text = await client.register.metrics();
  return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)[1]);
};
await sleep(100);
await scrape();
// The first interval after a scrape is in no figure.
await sleep(50);
const until = performance.now() + 300;
while (performance.now() < until);
await sleep(50);
const first = await scrape();
await sleep(20);
const second = await scrape();
const seen = [first >= 0.25 ? "0.3 s or more" : "less", second < 0.1 ? "less than 0.1 s" : "more"];
console.log(`max lag seen by the first scraper: ${seen[0]}; by the second: ${seen[1]}`);
JS
node run.mjs >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
max lag seen by the first scraper: 0.3 s or more; by the second: less than 0.1 s
SEEN
