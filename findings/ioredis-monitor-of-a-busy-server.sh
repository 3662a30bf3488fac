#!/usr/bin/env bash
# What becomes of MONITOR when the server is busy.
#
# Version: ioredis 6.0.0 (the newest), Node 20.20.2.
# Valid input: `redis.monitor()` on a server that sends the first commands it saw right behind its "+OK", as Redis does when
# others are at work. The server here is a socket that answers so every time, where a real one does now and then.
# Behaviour: the connection counts as monitoring only some time after "+OK" was read. What came in the same packet is taken
# for the answer to a command that nobody sent, and `monitor()` rejects although the server monitors. (After `disconnect()` lines
# that are still on the way raise the same error.)
#
# Output seen:
#   monitor() rejects: Command queue state error
#
# Exits 0 while this is so, 1 once it is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module", "dependencies": { "ioredis": "6.0.0" } }' >package.json
npm install --silent --no-audit --no-fund
cat >run.mjs <<'JS'
import { once } from "node:events";
import { createServer } from "node:net";
import { Redis } from "ioredis";

const line = (...words) => `+1.5 [0 127.0.0.1:1] ${words.map((word) => `"${word}"`).join(" ")}\r\n`;
const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (bytes) => {
    if (!/monitor/i.test(bytes.toString())) return;
    socket.write(`+OK\r\n${line("get", "a")}`);
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");

const options = { enableReadyCheck: false, disableClientInfo: true, protocol: 2, retryStrategy: null };
const redis = new Redis(server.address().port, "127.0.0.1", options);
redis.on("error", () => {});
const outcome = await redis.monitor().then(
  () => "resolves",
  ({ message }) => `rejects: ${message.split(".")[0]}`,
);
console.log(`monitor() ${outcome}`);
process.exit();
JS
node run.mjs >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
monitor() rejects: Command queue state error
SEEN
