/** Finds out which spans never reach the collector: OpenTelemetry drops them without a word to anybody. */
import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-node";
import type { OnSpansLost } from "./tracing.ts";

/** How the batches say that they were full, and the exporter that a collector took only some: they do so nowhere else. */
const QUEUE_FULL = /^Dropped (\d+) spans because maxQueueSize reached/;
const PARTIAL_SUCCESS = "Received Partial Success response:";

const NOT_TAKEN = "the collector did not take them";

interface PartialSuccess {
  readonly rejectedSpans?: number | string;
  readonly errorMessage?: string;
}

/** The losses of one process. What was lost before anybody listened is told to the first who does. */
export class SpanLosses {
  readonly #early: [spans: number, reason: string][] = [];
  #listener: OnSpansLost = (spans, reason) => void this.#early.push([spans, reason]);

  /** Listens to OpenTelemetry's own messages, too. */
  listen(): void {
    const warn = (message: string, detail?: unknown): void => {
      const [, dropped] = QUEUE_FULL.exec(message) ?? [];
      if (dropped !== undefined) this.#listener(Number(dropped), "they came faster than they could be sent");
      if (message !== PARTIAL_SUCCESS) return;
      const { rejectedSpans = 0, errorMessage } = JSON.parse(String(detail)) as PartialSuccess;
      if (Number(rejectedSpans) > 0) this.#listener(Number(rejectedSpans), errorMessage || NOT_TAKEN);
    };
    const nothing = (): void => {};
    const logger: DiagLogger = { error: nothing, warn, info: nothing, debug: nothing, verbose: nothing };
    diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  }

  tell(listener: OnSpansLost): void {
    this.#listener = listener;
    for (const [spans, reason] of this.#early.splice(0)) listener(spans, reason);
  }

  /** Makes an exporter that counts what the given one could not send. */
  watching(exporter: SpanExporter): SpanExporter {
    const ended = (spans: number, { code, error }: ExportResult): void => {
      if (code !== ExportResultCode.SUCCESS) this.#listener(spans, error?.message ?? NOT_TAKEN);
    };
    return {
      export: (spans: ReadableSpan[], done: (result: ExportResult) => void) =>
        exporter.export(spans, (result) => {
          ended(spans.length, result);
          done(result);
        }),
      shutdown: () => exporter.shutdown(),
      forceFlush: async () => exporter.forceFlush?.(),
    };
  }
}
