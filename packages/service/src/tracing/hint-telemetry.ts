import { SpanKind, type Telemetry } from "bullmq";
import { BullMQOtel } from "bullmq-otel";

/** A hint given, a hint taken. What BullMQ does to keep house, every few seconds, makes no span. */
const TRACED: readonly (SpanKind | undefined)[] = [SpanKind.PRODUCER, SpanKind.CONSUMER];

export function hintTelemetry(): Telemetry {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: "bullmq" }) as Telemetry;
  return {
    contextManager,
    tracer: {
      startSpan: (name, options, context) =>
        TRACED.includes(options?.kind) ? tracer.startSpan(name, options, context) : UNSEEN,
    },
  };
}

const UNSEEN: ReturnType<Telemetry["tracer"]["startSpan"]> = {
  setSpanOnContext: (context) => context,
  setAttribute: () => {},
  setAttributes: () => {},
  addEvent: () => {},
  recordException: () => {},
  end: () => {},
};
