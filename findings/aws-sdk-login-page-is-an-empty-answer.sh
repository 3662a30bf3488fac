#!/usr/bin/env bash
# What the AWS SDK makes of an answer that is not EC2's.
#
# Versions: @aws-sdk/client-ec2 3.1169.0 with @smithy/core 3.41.0 and @smithy/node-http-handler 4.14.2, Node 20.20.2.
# Valid input: HTTP 200 from whatever stands in between (a captive portal, a proxy whose session is over), with a page
# that is well-formed, or with no body at all.
# Behaviour: `send` resolves. `Reservations` is undefined, which reads as "no such instance"; a termination "succeeded",
# and so did a dry run, which EC2 never answers with a success. Nothing in the output tells it from EC2's own word.
#
# Output seen:
#   a page       DescribeInstances  resolved, Reservations undefined
#   a page       TerminateInstances resolved, TerminatingInstances undefined
#   a page       RunInstances (DryRun) resolved
#   empty        DescribeInstances  resolved, Reservations undefined
#   empty        TerminateInstances resolved, TerminatingInstances undefined
#   empty        RunInstances (DryRun) resolved
#   EC2's empty  DescribeInstances  resolved, Reservations []
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
import {
  DescribeInstancesCommand,
  EC2Client,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";

const bodies = {
  "a page": "<html><body><p>Sign in</p></body></html>",
  empty: "",
  "EC2's empty": '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet/></DescribeInstancesResponse>',
};
let body;
const server = createServer((_, response) => response.writeHead(200).end(body)).listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const client = new EC2Client({
  endpoint: `http://127.0.0.1:${server.address().port}`,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});
const ask = (command, member) =>
  client.send(command).then(
    (answer) => `resolved${member ? `, ${member} ${JSON.stringify(answer[member])}` : ""}`,
    (error) => `rejected: ${error.name}`,
  );
const lines = [];
for (body of Object.values(bodies)) {
  const name = Object.keys(bodies).find((key) => bodies[key] === body).padEnd(12);
  lines.push(`${name} DescribeInstances  ${await ask(new DescribeInstancesCommand({}), "Reservations")}`);
  if (body === bodies["EC2's empty"]) break;
  const terminate = new TerminateInstancesCommand({ InstanceIds: ["i-1"] });
  lines.push(`${name} TerminateInstances ${await ask(terminate, "TerminatingInstances")}`);
  const dryRun = new RunInstancesCommand({ MinCount: 1, MaxCount: 1, DryRun: true });
  lines.push(`${name} RunInstances (DryRun) ${await ask(dryRun)}`);
}
console.log(lines.join("\n"));
client.destroy();
server.close();
JS
node --no-warnings run.mjs >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
a page       DescribeInstances  resolved, Reservations undefined
a page       TerminateInstances resolved, TerminatingInstances undefined
a page       RunInstances (DryRun) resolved
empty        DescribeInstances  resolved, Reservations undefined
empty        TerminateInstances resolved, TerminatingInstances undefined
empty        RunInstances (DryRun) resolved
EC2's empty  DescribeInstances  resolved, Reservations []
SEEN
