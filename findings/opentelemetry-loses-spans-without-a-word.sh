#!/usr/bin/env bash
# Who is told when OpenTelemetry's batches and its OTLP exporter lose spans.
#
# Versions: @opentelemetry/sdk-trace-node 2.12.0, @opentelemetry/exporter-trace-otlp-http 0.223.0, @opentelemetry/api
# 1.9.1, Node 20.20.2.
# Valid input: more spans at once than the queue holds; and an endpoint at which nobody listens.
# Behaviour: nothing is written anywhere and nothing is thrown, unless a logger was set for `diag`. With one, a full queue
# is told only once a later span finds room; of a batch that could not be sent the error is told, not how many spans.
#
# Output seen:
#   no logger: 0 lines on stdout and stderr
#   a logger: warn: Dropped 15 spans because maxQueueSize reached
#   a logger: error that names the number of spans: no
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
  "dependencies": {
    "@opentelemetry/api": "1.9.1",
    "@opentelemetry/exporter-trace-otlp-http": "0.223.0",
    "@opentelemetry/sdk-trace-node": "2.12.0"
  }
}
JSON
npm install --silent --no-audit --no-fund
cat >run.mjs <<'JS'
import { DiagLogLevel, diag } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";

const told = [];
if (process.argv[2] === "with-logger") {
  const keep = (level) => (message) => told.push(`${level}: ${message}`);
  diag.setLogger({ error: keep("error"), warn: keep("warn"), info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
}
const exporter = new OTLPTraceExporter({ url: "http://127.0.0.1:1/v1/traces", timeoutMillis: 200 });
const processor = new BatchSpanProcessor(exporter, { maxQueueSize: 10, maxExportBatchSize: 10, scheduledDelayMillis: 60_000 });
// The batch that is under way leaves the queue empty: ten more fill it.
const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("test");
for (let n = 0; n < 10; n += 1) tracer.startSpan("under way").end();
for (let n = 0; n < 25; n += 1) tracer.startSpan("waiting").end();
await processor.forceFlush().catch(() => {});
tracer.startSpan("later").end();
await new Promise((resolve) => setTimeout(resolve, 1_000));
await processor.shutdown().catch(() => {});
if (process.argv[2] === "with-logger") {
  console.log(`a logger: ${told.find((line) => line.startsWith("warn: Dropped"))}`);
  const errors = told.filter((line) => line.startsWith("error"));
  if (errors.length === 0) throw new Error("no error was told");
  const counts = errors.some((line) => /\b(10|1) spans?\b/.test(line));
  console.log(`a logger: error that names the number of spans: ${counts ? "yes" : "no"}`);
}
JS
{
  echo "no logger: $(node run.mjs 2>&1 | wc -l) lines on stdout and stderr"
  node run.mjs with-logger
} >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
no logger: 0 lines on stdout and stderr
a logger: warn: Dropped 15 spans because maxQueueSize reached
a logger: error that names the number of spans: no
SEEN
