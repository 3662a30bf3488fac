#!/usr/bin/env bash
# What `requestTimeout` of the AWS SDK's HTTP handler bounds.
#
# Versions: @aws-sdk/client-ec2 3.1169.0 with @smithy/core 3.41.0 and @smithy/node-http-handler 4.14.2, Node 20.20.2.
# Valid input: `requestTimeout: 200, throwOnRequestTimeout: true`, and a server that sends its headers at once and then
# only part of the body it announced.
# Behaviour: the timer is cleared when the headers arrive, so the call waits for the body for ever. Without headers it
# ends after 200 ms. An AbortSignal ends both.
#
# Output seen:
#   no headers:            TimeoutError
#   headers, half a body:  still waiting after 10 times the timeout
#   the same, aborted:     rejected
#
# Exits 0 while this is so, 1 once it is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >package.json <<'JSON'
{
  "private": true,
  "type": "module",
  "dependencies": { "@aws-sdk/client-ec2": "3.1169.0" },
  "overrides": { "@smithy/core": "3.41.0", "@smithy/node-http-handler": "4.14.2" }
}
JSON
npm install --silent --no-audit --no-fund
cat >run.mjs <<'JS'
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { DescribeInstancesCommand, EC2Client } from "@aws-sdk/client-ec2";

const TIMEOUT_MS = 200;
let withHeaders = false;
const server = createServer((_, response) => {
  if (!withHeaders) return;
  response.writeHead(200, { "content-length": 1_000 });
  response.write("<DescribeInstancesResponse>");
}).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const client = new EC2Client({
  endpoint: `http://127.0.0.1:${server.address().port}`,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
  requestHandler: { requestTimeout: TIMEOUT_MS, throwOnRequestTimeout: true },
});
const ask = (abortSignal) =>
  client.send(new DescribeInstancesCommand({}), { abortSignal }).then(
    () => ({ ended: "resolved" }),
    (error) => ({ ended: "rejected", name: error.name }),
  );
// The first call loads the SDK: it is not the one that is looked at.
await ask();
console.log(`no headers:            ${(await ask()).name}`);
withHeaders = true;
const abort = new AbortController();
const call = ask(abort.signal);
const first = await Promise.race([call, sleep(10 * TIMEOUT_MS, { ended: "still waiting after 10 times the timeout" })]);
console.log(`headers, half a body:  ${first.ended}`);
abort.abort();
console.log(`the same, aborted:     ${(await call).ended}`);
client.destroy();
server.closeAllConnections();
server.close();
JS
node --no-warnings run.mjs >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
no headers:            TimeoutError
headers, half a body:  still waiting after 10 times the timeout
the same, aborted:     rejected
SEEN
