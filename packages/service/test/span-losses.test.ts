import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { diag } from "@opentelemetry/api";
import { ExportResultCode } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-node";
import { pino } from "pino";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { lossLog } from "../src/tracing/loss-log.ts";
import { SpanLosses } from "../src/tracing/span-losses.ts";

afterEach(() => diag.disable());

const exporter = (code: ExportResultCode, error?: Error): SpanExporter => ({
  export: (_spans, done) => done({ code, ...(error && { error }) }),
  shutdown: async () => {},
});

/** Ends so many spans, through batches that hold `most` of them, and sends what is left. */
async function trace(through: SpanExporter, spans: number, most = 2_048): Promise<void> {
  const processor = new BatchSpanProcessor(through, { maxQueueSize: most, maxExportBatchSize: most });
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer("test");
  for (let n = 0; n < spans; n += 1) tracer.startSpan("span").end();
  await processor.forceFlush().catch(() => {});
  // Only with the next one do the batches say that they were full.
  tracer.startSpan("one more").end();
  await processor.shutdown().catch(() => {});
}

test("spans that a collector does not take are counted, with the reason", async () => {
  const losses = new SpanLosses();
  const told: [number, string][] = [];
  losses.tell((spans, reason) => told.push([spans, reason]));
  await trace(losses.watching(exporter(ExportResultCode.FAILED, new Error("connect ECONNREFUSED"))), 3);
  expect(told).toEqual([
    [3, "connect ECONNREFUSED"],
    [1, "connect ECONNREFUSED"],
  ]);
});

test("spans that come faster than they can be sent are, too, also before anybody listens", async () => {
  const losses = new SpanLosses();
  losses.listen();
  const slow: SpanExporter = {
    export: (_spans, done) => void setImmediate(() => done({ code: ExportResultCode.SUCCESS })),
    shutdown: async () => {},
  };
  await trace(losses.watching(slow), 25, 10);
  const told: [number, string][] = [];
  losses.tell((spans, reason) => told.push([spans, reason]));
  expect(told.reduce((sum, [spans]) => sum + spans, 0)).toBeGreaterThanOrEqual(5);
  expect(new Set(told.map(([, reason]) => reason))).toEqual(new Set(["they came faster than they could be sent"]));
});

test("so are those that a collector refuses of what it takes, whichever way it says so", async () => {
  const collector = createServer((request, response) => {
    request.resume().on("end", () => {
      const partialSuccess = { rejectedSpans: "2", errorMessage: "too old" };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ partialSuccess }));
    });
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void collector.close());
  await once(collector, "listening");
  const losses = new SpanLosses();
  losses.listen();
  const told: [number, string][] = [];
  losses.tell((spans, reason) => told.push([spans, reason]));
  const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
  await trace(losses.watching(new OTLPTraceExporter({ url })), 3);
  expect(told).toEqual([
    [2, "too old"],
    [2, "too old"],
  ]);
});

test("nothing is told of spans that arrive", async () => {
  const losses = new SpanLosses();
  losses.listen();
  losses.tell(() => expect.fail("nothing was lost"));
  await trace(losses.watching(exporter(ExportResultCode.SUCCESS)), 3);
});

test("the log says it at once, and then what a minute added up to", () => {
  const lines: object[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const log = lossLog(pino({ base: null, timestamp: false }, { write }), 60_000);
  for (let n = 0; n < 5; n += 1) log(10, "away");
  const told = { level: 40, spans: 10, reason: "away", msg: "spans were lost: they did not reach the collector" };
  expect(lines).toEqual([told]);
  const chatty = lossLog(pino({ base: null, timestamp: false }, { write }), 0);
  chatty(1, "away");
  expect(lines).toHaveLength(2);
});
