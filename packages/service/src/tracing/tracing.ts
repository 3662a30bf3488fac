import type { Telemetry } from "bullmq";
import type { Service } from "../lifecycle/service.ts";

/** The traces of this process, which were started before all else. */
export interface Tracing {
  /** Its stop sends what is left. */
  readonly service: Service;
  /** For BullMQ's queues and workers: it carries the trace of a request in the hint. */
  readonly hints: Telemetry;
  /** Tells from now on, and of what was lost before, how many spans did not reach the collector, and why. */
  onLost(listener: OnSpansLost): void;
  /** Names the span that runs now, as W3C writes it. */
  traceparent(): string | undefined;
}

export type OnSpansLost = (spans: number, reason: string) => void;

/** Settings of OpenTelemetry's own variables (docs/tracing.md). */
export interface TracingSettings {
  readonly protocol: "http/json" | "http/protobuf";
}
