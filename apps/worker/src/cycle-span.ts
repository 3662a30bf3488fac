import { type Context, context, type Span, type SpanContext, SpanStatusCode, trace } from "@opentelemetry/api";
import type { CycleLease } from "@restart-coordinator/debounce";

const tracer = trace.getTracer("restart-coordinator");

/**
 * A cycle span is one attempt at a cycle, with a child for each step. It belongs to the trace of the trigger that made
 * the cycle due, whatever led the worker here: its parent is the hint's span if that carried the same trace, else the
 * trigger's own. Nothing without tracing.
 */
export class CycleSpan {
  readonly #span: Span;
  readonly #context: Context;
  #step: Span | undefined;

  constructor({ workspaceId, cycle }: CycleLease) {
    const { cycleId, generation, attempt, how, action, fencingToken, covers } = cycle;
    const hint = trace.getSpanContext(context.active());
    const trigger = parseTraceparent(cycle.trace);
    const isElsewhere = trigger !== undefined && trigger.traceId !== hint?.traceId;
    const attributes = {
      "restart.workspace.id": workspaceId,
      "restart.cycle.id": cycleId,
      "restart.generation": generation,
      "restart.attempt": attempt,
      "restart.how": how,
      "restart.action": action,
      "restart.fencing_token": fencingToken,
      "restart.triggers": covers.reduce((sum, { count }) => sum + count, 0),
    };
    const links = isElsewhere && hint !== undefined ? [{ context: hint }] : [];
    const parent = isElsewhere ? trace.setSpanContext(context.active(), trigger) : context.active();
    this.#span = tracer.startSpan("restart cycle", { attributes, links }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  /** Begins the step that is done now, and ends the one before it. */
  step(name: string): void {
    this.#step?.end();
    this.#step = tracer.startSpan(`step ${name}`, {}, this.#context);
  }

  /** Whatever `work` does that is traced becomes part of the attempt. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    return context.with(this.#context, work);
  }

  /**
   * Notes how the attempt ended; `outcome` is named as in the metrics: ok, failed, declined, canceled, handover, lost.
   */
  note(outcome: string, error?: string): void {
    this.#span.setAttribute("restart.outcome", outcome);
    if (error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  }

  end(): void {
    this.#step?.end();
    this.#span.end();
  }
}

/** Reads W3C's `traceparent`, as the API wrote it. */
function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? "") ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags as string, 16), isRemote: true };
}
