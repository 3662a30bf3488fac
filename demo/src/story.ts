/** Tells what happens while it happens, in the trace's time. */
import type { Child } from "./child.ts";
import type { CycleFact, WriteFact } from "./facts.ts";
import type { CycleStep } from "./observer.ts";
import { count, fit, paint, print } from "./screen.ts";

const NAME_WIDTH = 8;
const DETAIL_WIDTH = 34;

export class Story {
  readonly #speed: number;
  readonly #workerOf: (cycleId: string, attempt: number) => string | undefined;
  readonly #severalWorkspaces: boolean;
  readonly #numbers = new Map<string, number>();
  readonly #running = new Set<string>();
  #began = Date.now();

  constructor(speed: number, workspaces: number, workerOf: (cycleId: string, attempt: number) => string | undefined) {
    this.#speed = speed;
    this.#workerOf = workerOf;
    this.#severalWorkspaces = workspaces > 1;
  }

  /** The trace's first write is sent now. */
  begin(): void {
    this.#began = Date.now();
    print();
  }

  /** Seconds of the trace's time. */
  seconds(at: number): number {
    return ((at - this.#began) * this.#speed) / 1_000;
  }

  numberOf(cycleId: string): number {
    const known = this.#numbers.get(cycleId);
    if (known !== undefined) return known;
    this.#numbers.set(cycleId, this.#numbers.size + 1);
    return this.#numbers.size;
  }

  write(write: WriteFact, unanswered: readonly string[]): void {
    const { source, detail, receipt, failure, replica, workspace } = write;
    const what = source === "file-write" ? detail : `${source}: ${detail}`;
    const where = this.#severalWorkspaces ? `${workspace} ${what}` : what;
    const retried =
      unanswered.length === 0 ? "" : paint("yellow", `  tried again: no answer from ${unanswered.join(", ")}`);
    const result =
      receipt === undefined
        ? paint("red", `FAILED: ${failure}`)
        : `${paint(colourOf(receipt.decision), receipt.decision)} by ${receipt.rule}`;
    this.#line(write.sentAt, replica ?? "", `${this.#gutter()} ${fit(where, DETAIL_WIDTH)} ${result}${retried}`);
  }

  step(cycle: CycleFact, step: CycleStep, at: number): void {
    const of = this.#severalWorkspaces ? ` of ${cycle.workspace}` : "";
    const name = `cycle ${this.numberOf(cycle.id)}${of}`;
    switch (step.kind) {
      case "begun": {
        const worker = this.#workerOf(cycle.id, step.attempt) ?? "";
        const isFirst = step.attempt === 1;
        const what = isFirst ? `${name} begins` : `${name} goes on, attempt ${step.attempt}`;
        this.#running.add(cycle.id);
        this.#line(at, worker, paint("cyan", `${isFirst ? "┌" : "├"} ${what}`));
        return;
      }
      case "attempt-failed":
        this.#line(at, "", paint("red", `├ an attempt at ${name} failed: ${step.error}`));
        return;
      case "ended": {
        this.#running.delete(cycle.id);
        const good = step.outcome === "ok";
        const what = good
          ? `${name} is done: ${step.runner} serves`
          : `${name} ended: ${step.outcome}. ${step.error ?? ""}`;
        this.#line(at, "", paint(good ? "cyan" : "red", `└ ${what}`));
      }
    }
  }

  ended(child: Child, role: "api" | "worker", how: string, left: number): void {
    const rest = left === 0 ? `no ${role} is left` : `going on with ${left}`;
    this.#line(Date.now(), child.name, paint("yellow", `✗ ${child.name} (pid ${child.pid}) ${how}; ${rest}`));
  }

  settled(owed: readonly string[]): void {
    if (owed.length > 0) this.#line(Date.now(), "", paint("red", `a restart is still owed: ${owed.join(", ")}`));
    else this.#line(Date.now(), "", `nothing is owed any more (${count(this.#numbers.size, "cycle")})`);
  }

  #gutter(): string {
    return this.#running.size > 0 ? paint("cyan", "│") : " ";
  }

  #line(at: number, who: string, text: string): void {
    print(`${this.seconds(at).toFixed(1).padStart(7)}  ${fit(who, NAME_WIDTH)} ${text}`);
  }
}

function colourOf(decision: string): "green" | "blue" | "red" {
  if (decision === "fired") return "green";
  return decision === "coalesced" ? "blue" : "red";
}
