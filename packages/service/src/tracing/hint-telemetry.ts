import { SpanKind, type Telemetry } from "bullmq";
import { BullMQOtel } from "bullmq-otel";

/** A hint given and a hint taken make a span. What BullMQ does to keep house, every few seconds, makes no span. */
const TRACED: readonly (SpanKind | undefined)[] = [SpanKind.PRODUCER, SpanKind.CONSUMER];

/** Makes what carries traces in hints. */
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
