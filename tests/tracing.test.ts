/** A trace leads from the request to the cycle it caused, through both processes. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { type Bench, test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";
import { scrape } from "./support/metrics.ts";
import { OtlpReceiver, type TracedSpan } from "./support/otlp-receiver.ts";

const TOKEN = "tracing-test-0123456789";

async function traced(bench: Bench) {
  const receiver = new OtlpReceiver();
  onTestFinished(() => receiver.stop());
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: await receiver.start(),
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "20",
  };
  const api = bench.apiProcess({ API_TOKENS: `tester:admin:${TOKEN}`, ...settings });
  // Unless told otherwise, the sweep is not to be quicker than the hint.
  const startWorker = async (more: Record<string, string> = {}) => {
    const worker = bench.workerProcess({ RESTART_SWEEP_MS: "60000", ...settings, ...more });
    await worker.logged(/takes restarts$/);
    return worker;
  };
  const url = String((await api.logged(/^listening on/)).url);
  /** Asks as a part of a trace of the caller's own; the answer is its id. */
  const ask = async (method: string, path: string, body: unknown): Promise<string> => {
    const traceId = randomBytes(16).toString("hex");
    const traceparent = `00-${traceId}-${randomBytes(8).toString("hex")}-01`;
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", traceparent };
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    expect(response.ok, await response.text()).toBe(true);
    return traceId;
  };
  const span = (name: string, traceId: string): Promise<TracedSpan> =>
    eventually(`the span "${name}" of ${traceId}`, () =>
      receiver.spans.find((one) => one.name === name && one.traceId === traceId),
    );
  return { receiver, api, startWorker, ask, span };
}

test("the cycle is part of the trace of the request that made it due", async ({ useBench }) => {
  const bench = useBench({ cooldownMs: 0 });
  const { receiver, api, startWorker, ask, span } = await traced(bench);
  const worker = await startWorker();
  await ask("PUT", "/workspaces/one", {});
  const asked = { source: "file-write", reason: "open sesame" };
  const first = await ask("POST", "/workspaces/one/triggers", asked);
  const cycle = await span("restart cycle", first);
  await bench.settled("one");
  expect(cycle).toMatchObject({
    service: "restart-worker",
    attributes: {
      "restart.workspace.id": "one",
      "restart.attempt": 1,
      "restart.how": "new",
      "restart.action": "restart",
      "restart.triggers": 1,
      "restart.outcome": "ok",
    },
  });
  expect(cycle.attributes["restart.cycle.id"]).toBe((await bench.state("one")).lastCycle?.id);
  const request = await span("POST /workspaces/:id/triggers", first);
  expect(request.service).toBe("restart-api");
  // A span is sent when it is over.
  await span("process restarts", first);
  await span("request handler", first);
  expect(receiver.chainOf(cycle)).toEqual([
    "restart cycle",
    "process restarts",
    "add restarts.restart",
    "request handler",
    "POST /workspaces/:id/triggers",
  ]);

  // Secrets wait for quiet: the hint waits in the queue, and so does its trace.
  const second = await ask("POST", "/workspaces/one/triggers", { source: "secret-change" });
  const later = await span("restart cycle", second);
  await span("process restarts", second);
  await span("POST /workspaces/:id/triggers", second);
  expect(receiver.chainOf(later)).toContain("POST /workspaces/:id/triggers");

  for (const child of [api, worker]) {
    child.kill("SIGTERM");
    expect(await child.ended).toBe(0);
  }
  // What was left is sent at the end. Each step is a part of its cycle; nothing keeps house or polls in a trace.
  const ofCycle = receiver.spans.filter(({ parentSpanId }) => parentSpanId === cycle.spanId);
  expect(ofCycle.filter(({ name }) => name.startsWith("step ")).length).toBeGreaterThan(0);
  expect(receiver.spans.filter(({ name }) => name.startsWith("evalsha")).length).toBeGreaterThan(0);
  const roots = receiver.spans.filter(({ parentSpanId }) => !parentSpanId).map(({ name }) => name);
  expect(roots).toEqual([]);
  expect(receiver.text).not.toContain("sesame");
  expect(receiver.text).not.toContain(TOKEN);
});

test("a cycle is part of its trigger's trace also when the hint was lost", async ({ useBench }) => {
  const bench = useBench({ cooldownMs: 0 });
  const { receiver, ask, span, startWorker } = await traced(bench);
  await ask("PUT", "/workspaces/one", {});
  const first = await ask("POST", "/workspaces/one/triggers", { source: "file-write" });
  await ask("POST", "/workspaces/one/triggers", { source: "file-write" });
  await bench.hinted(1);
  await Promise.all(bench.hints.queues.map((queue) => queue.obliterate({ force: true })));
  await startWorker({ RESTART_SWEEP_MS: "50" });
  const cycle = await span("restart cycle", first);
  expect(cycle.attributes).toMatchObject({ "restart.triggers": 2, "restart.outcome": "ok" });
  await span("request handler", first);
  await span("POST /workspaces/:id/triggers", first);
  expect(receiver.chainOf(cycle).at(-1)).toBe("POST /workspaces/:id/triggers");
});

test("without a collector configured nothing of OpenTelemetry's SDK is loaded", async () => {
  const script = `
    const { startTracing } = await import("@restart-coordinator/service/boot");
    const started = await startTracing("restart-api", process.env);
    await import("../../apps/api/src/server.ts");
    await import("../../apps/worker/src/worker.ts");
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(process.cwd() + "/x.js").cache);
    const isTracing = /node_modules.(@opentelemetry.(?!api.)|bullmq-otel|(import|require)-in-the-middle)/;
    const sdk = loaded.filter((file) => isTracing.test(file));
    console.log(JSON.stringify({ off: started === undefined, loaded: loaded.length, sdk: sdk.length }));
    process.exit(0);`;
  const run = async (env: Record<string, string>) => {
    const args = ["--conditions=@restart-coordinator/source", "--import", "tsx", "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      cwd: fileURLToPath(new URL("../packages/service", import.meta.url)),
      env: { PATH: process.env.PATH, ...env },
    });
    return JSON.parse(stdout) as { off: boolean; loaded: number; sdk: number };
  };
  const off = await run({});
  expect(off).toMatchObject({ off: true, sdk: 0 });
  expect(off.loaded).toBeGreaterThan(100);
  const on = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" });
  expect(on.off).toBe(false);
  expect(on.sdk).toBeGreaterThan(10);
});

test("a collector that is away costs spans, and that is told", async ({ useBench }) => {
  const api = useBench().apiProcess({
    API_TOKENS: `tester:admin:${TOKEN}`,
    // Nobody listens there.
    ...{
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
      OTEL_BSP_SCHEDULE_DELAY: "20",
    },
  });
  const url = String((await api.logged(/^listening on/)).url);
  const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
  await fetch(`${url}/workspaces/one`, { method: "PUT", headers, body: "{}" });
  expect(await api.logged(/^spans were lost/)).toMatchObject({ spans: expect.any(Number), reason: expect.any(String) });
  const found = await scrape(url, TOKEN);
  expect(found.value("restart_trace_spans_lost_total")).toBeGreaterThan(0);
});
