import { context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import type { CycleLease } from "@restart-coordinator/debounce";

const tracer = trace.getTracer("restart-coordinator");

/**
 * One attempt at a cycle as a span, with a child for each step. Its parent is the hint that led here, and so the request
 * that gave the hint; a cycle that no hint led to begins a trace. Nothing without tracing.
 */
export class CycleSpan {
  readonly #span: Span;
  readonly #context = context.active();
  #step: Span | undefined;

  constructor({ workspaceId, cycle }: CycleLease) {
    const { cycleId, generation, attempt, how, action, fencingToken, covers } = cycle;
    this.#span = tracer.startSpan("restart cycle", {
      attributes: {
        "restart.workspace.id": workspaceId,
        "restart.cycle.id": cycleId,
        "restart.generation": generation,
        "restart.attempt": attempt,
        "restart.how": how,
        "restart.action": action,
        "restart.fencing_token": fencingToken,
        "restart.triggers": covers.reduce((sum, { count }) => sum + count, 0),
      },
    });
  }

  /** What is done now: the step before it is over. */
  step(name: string): void {
    this.#step?.end();
    this.#step = tracer.startSpan(`step ${name}`, {}, trace.setSpan(this.#context, this.#span));
  }

  /** Whatever `work` does that is traced becomes part of the attempt. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    return context.with(trace.setSpan(this.#context, this.#span), work);
  }

  /** `outcome` as in the metrics: ok, failed, declined, canceled, handover, lost. */
  note(outcome: string, error?: string): void {
    this.#span.setAttribute("restart.outcome", outcome);
    if (error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error });
  }

  end(): void {
    this.#step?.end();
    this.#span.end();
  }
}
