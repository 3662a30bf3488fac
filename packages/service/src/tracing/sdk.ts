/** Puts OpenTelemetry's SDK together. It is imported only when tracing is configured. */
import { register } from "node:module";
import { hostname } from "node:os";
import { TraceFlags, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { ExpressInstrumentation, ExpressLayerType } from "@opentelemetry/instrumentation-express";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { IORedisInstrumentation } from "@opentelemetry/instrumentation-ioredis";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { BackgroundService } from "../lifecycle/service.ts";
import { hintTelemetry } from "./hint-telemetry.ts";
import { SpanLosses } from "./span-losses.ts";
import type { Tracing, TracingSettings } from "./tracing.ts";

/** A collector that does not answer holds the end of a process up no longer than this, ms. */
const STOP_WITHIN_MS = 3_000;

/** Asked every few seconds, by machines. */
const NOT_TRACED = /^\/(healthz|readyz|metrics)\b/;

/** Starts the SDK of this process. */
export function startSdk(service: string, { protocol }: TracingSettings): Tracing {
  // Only these two are imported by ES modules and patched: everything else loads as it always does.
  register("@opentelemetry/instrumentation/hook.mjs", import.meta.url, { data: { include: ["express", "ioredis"] } });
  // Endpoint, headers, limits and the sampler: the exporter and the provider read their OTEL_ variables themselves.
  const losses = new SpanLosses();
  losses.listen();
  const exporter = losses.watching(protocol === "http/json" ? new JsonExporter() : new ProtobufExporter());
  const own = { "service.name": service, "service.instance.id": `${hostname()}:${process.pid}` };
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes(own))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  // No baggage: it would go into Redis, whatever a caller puts into it.
  provider.register({ propagator: new W3CTraceContextPropagator() });
  registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: ({ url = "" }) => NOT_TRACED.test(url),
        requireParentforOutgoingSpans: true,
      }),
      new ExpressInstrumentation({ ignoreLayersType: [ExpressLayerType.MIDDLEWARE, ExpressLayerType.ROUTER] }),
      // Never the arguments: they hold reasons, actors and specs.
      new IORedisInstrumentation({ requireParentSpan: true, dbStatementSerializer: (command) => command }),
    ],
  });
  // What could not be sent is told as lost.
  const stop = () => provider.shutdown().catch(() => {});
  const otherwise = "the spans that are left are lost";
  const tracing = new BackgroundService("tracing", { stop, stopWithinMs: STOP_WITHIN_MS, otherwise });
  const traceparent = () => {
    const span = trace.getActiveSpan()?.spanContext();
    return span && `00-${span.traceId}-${span.spanId}-0${span.traceFlags & TraceFlags.SAMPLED}`;
  };
  return {
    ...{ service: tracing, hints: hintTelemetry(), traceparent },
    onLost: (listener) => losses.tell(listener),
  };
}
