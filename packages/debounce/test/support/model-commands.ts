/** The commands of the model test: each acts on the model and on the scripts, and compares what they answer. */
import fc from "fast-check";
import { expect } from "vitest";
import { BUILT_IN_SOURCES } from "../../src/policy/policy.ts";
import type { Transitions } from "../../src/transitions/transitions.ts";
import type { Counts, WorkspaceModel } from "./model.ts";
import { atEpoch } from "./scripts-machine.ts";

/** The scripts, on one workspace. Virtual time starts at `epoch`. */
export interface Real {
  readonly transitions: Transitions;
  readonly id: string;
  readonly epoch: number;
  fencingToken: number;
  /** When the due set says that somebody must look. */
  wakeAt(): Promise<number | undefined>;
}

type Command = fc.AsyncCommand<WorkspaceModel, Real>;

/** One step, after some time has passed; what is to be looked at next must agree after every one. */
function step(
  text: string,
  afterMs: number,
  act: (model: WorkspaceModel, real: Real, now: number) => Promise<void>,
  check: (model: Readonly<WorkspaceModel>) => boolean = () => true,
): Command {
  return {
    check,
    toString: () => `+${afterMs} ${text}`,
    async run(model, real) {
      model.now += afterMs;
      await act(model, real, real.epoch + model.now);
      // What is overdue is due: by how much depends on when it was last written.
      const from = (wakeAt: number | undefined) => (wakeAt === undefined ? undefined : Math.max(wakeAt, model.now));
      const wakeAt = from(await real.wakeAt());
      const expected = from(model.wakeAt());
      // A script that knows no policy knows no quiet hours: somebody may look too early, but never too late.
      const isEarly = model.policy.quietHours !== undefined && wakeAt !== undefined && wakeAt < (expected ?? 0);
      if (!isEarly) expect(wakeAt, `wake-up after ${text}`).toEqual(expected);
    },
  };
}

function trigger(afterMs: number, source: string, force: boolean): Command {
  return step(`trigger ${source}${force ? " (force)" : ""}`, afterMs, async (model, real, now) => {
    const onHold = force ? "override" : "queue";
    const choice = { otherwise: atEpoch(model.policy, real.epoch), alternatives: [] };
    const call = { source, choice, count: 1, reasons: ["why"], actors: [], write: false, onHold, nonce: "" } as const;
    const reply = await real.transitions.trigger({ id: real.id, ...call, now });
    if (reply.kind === "conflict") throw new Error("no key, no conflict");
    const dueAt = reply.dueAt === undefined ? undefined : reply.dueAt - real.epoch;
    expect({ ...reply.first, dueAt }).toEqual(model.trigger(source, force));
  });
}

/** Looks when the model says that something is due, so that sequences get anywhere, or at any time. */
function begin(afterMs: number | "at the wake-up"): Command {
  const text = `begin ${afterMs === "at the wake-up" ? afterMs : ""}`;
  return step(text, afterMs === "at the wake-up" ? 0 : afterMs, async (model, real) => {
    if (afterMs === "at the wake-up") model.now = Math.max(model.now, model.wakeAt() ?? 0);
    const now = real.epoch + model.now;
    const choice = { otherwise: atEpoch(model.policy, real.epoch), alternatives: [] };
    const reply = await real.transitions.begin({ id: real.id, owner: `owner/${Math.random()}`, choice, now });
    if (reply.kind === "begun") real.fencingToken = reply.fencingToken;
    const told =
      reply.kind === "begun"
        ? {
            kind: reply.kind,
            how: reply.how,
            attempt: reply.attempt,
            action: reply.action,
            covers: countsOf(reply.covers),
          }
        : reply.kind === "busy"
          ? { kind: reply.kind, leaseEndsAt: reply.leaseEndsAt - real.epoch }
          : reply.kind === "not-due"
            ? { kind: reply.kind, dueAt: reply.dueAt - real.epoch }
            : { kind: reply.kind };
    expect(told).toEqual(model.begin());
  });
}

function countsOf(covers: readonly { source: string; count: number }[]): Counts {
  return Object.fromEntries(covers.map(({ source, count }) => [source, count]));
}

function end(
  afterMs: number,
  outcome: "ok" | "failed" | "declined" | "canceled" | "handover",
  retryable: boolean,
  jitter: number,
): Command {
  const check = (model: Readonly<WorkspaceModel>) => {
    const { cycle } = model;
    if (cycle === undefined || cycle.retrying || !cycle.owned) return false;
    return outcome !== "declined" || cycle.action === "restart";
  };
  return step(
    `end ${outcome}${retryable ? "" : " for good"}`,
    afterMs,
    async (model, real, now) => {
      const { id, fencingToken } = real;
      const { retry, budget } = model.policy;
      const reply = await real.transitions.end({
        id,
        fencingToken,
        outcome,
        retryable,
        retry,
        budget,
        jitter,
        error: "x",
        now,
      });
      expect(reply).toMatchObject({ kind: "ended", what: model.end(outcome, retryable, jitter) });
    },
    check,
  );
}

function renew(afterMs: number): Command {
  return step("renew", afterMs, async (model, real, now) => {
    const reply = await real.transitions.renew({ id: real.id, fencingToken: real.fencingToken, now });
    expect(reply.kind === "held").toBe(model.renew());
  });
}

function verb(afterMs: number, name: "flush" | "cancel"): Command {
  return step(name, afterMs, async (model, real, now) => {
    const reply = await real.transitions[name]({ id: real.id, actor: "tester", now });
    const expected = model[name]();
    if (expected !== undefined) expect(reply.kind).toBe(expected);
  });
}

function hold(afterMs: number, owner: string, holdMs: number): Command {
  return step(`${owner} holds for ${holdMs}`, afterMs, async (model, real, now) => {
    await real.transitions.hold({ id: real.id, holdMs, actor: owner, now });
    model.hold(owner, holdMs);
  });
}

function release(afterMs: number, owner: string): Command {
  return step(`${owner} released`, afterMs, async (model, real, now) => {
    const which = owner === "all" ? ({ which: "all", actor: "tester" } as const) : { actor: owner };
    const reply = await real.transitions.release({ id: real.id, ...which, now });
    expect(reply.kind).toBe(model.release(owner));
  });
}

function desire(afterMs: number, desired: "running" | "paused"): Command {
  return step(desired === "paused" ? "pause" : "resume", afterMs, async (model, real, now) => {
    const reply = await real.transitions.desire({ id: real.id, desired, actor: "tester", now });
    expect(reply.kind).toBe(model.desire(desired));
  });
}

function parent(afterMs: number, paused: boolean): Command {
  return step(`parent ${paused ? "paused" : "resumed"}`, afterMs, async (model, real, now) => {
    await real.transitions.markParent({ id: real.id, paused, now });
    model.parentPaused = paused;
  });
}

/** Short and long waits, and those at which windows and cooldowns end. */
const wait = fc.oneof(
  fc.integer({ min: 0, max: 3_000 }),
  fc.constantFrom(0, 1, 180, 2_000, 14_999, 15_000, 30_000, 60_000),
  fc.integer({ min: 0, max: 90_000 }),
);

export const commands = [
  fc.tuple(wait, fc.constantFrom(...BUILT_IN_SOURCES)).map(([after, source]) => trigger(after, source, false)),
  fc
    .tuple(wait, fc.constantFrom("file-write", "a2a-preflight"))
    .map(([after, source]) => trigger(after, source, false)),
  wait.map((after) => trigger(after, "manual", true)),
  wait.map((after) => begin(after)),
  fc.constant(begin("at the wake-up")),
  fc.constant(begin("at the wake-up")),
  wait.map((after) => end(after, "ok", true, 0)),
  fc
    .tuple(
      wait,
      fc.constantFrom("ok", "failed", "declined", "canceled", "handover"),
      fc.boolean(),
      fc.constantFrom(0, 0.3, 1),
    )
    .map(([after, outcome, retryable, jitter]) => end(after, outcome, retryable, jitter)),
  wait.map((after) => end(after, "failed", true, 0.5)),
  wait.map(renew),
  fc.tuple(wait, fc.constantFrom("flush", "cancel")).map(([after, name]) => verb(after, name)),
  fc
    .tuple(wait, fc.constantFrom("ann", "bob"), fc.constantFrom(1_000, 20_000, 100_000))
    .map(([after, owner, ms]) => hold(after, owner, ms)),
  fc.tuple(wait, fc.constantFrom("ann", "bob", "all")).map(([after, owner]) => release(after, owner)),
  fc.tuple(wait, fc.constantFrom("running", "paused")).map(([after, desired]) => desire(after, desired)),
  fc.tuple(wait, fc.constantFrom(true, false, false)).map(([after, paused]) => parent(after, paused)),
];

/** Mostly what nobody is behind: how loops, budgets and open breakers come about. */
export const automaticCommands = [
  wait.map((after) => trigger(after, "startup", false)),
  wait.map((after) => trigger(after, "liveness-offline", false)),
  fc.constant(begin("at the wake-up")),
  fc.constant(begin("at the wake-up")),
  wait.map((after) => end(after, "ok", true, 0)),
  fc
    .tuple(wait, fc.constantFrom("ok", "ok", "failed", "declined"), fc.boolean())
    .map(([after, outcome, retryable]) => end(after, outcome, retryable, 0)),
  fc.oneof(
    fc.tuple(wait, fc.constantFrom("file-write", "manual")).map(([after, source]) => trigger(after, source, false)),
    fc.tuple(wait, fc.constantFrom("flush", "cancel")).map(([after, name]) => verb(after, name)),
    fc.tuple(wait, fc.constantFrom("running", "paused")).map(([after, desired]) => desire(after, desired)),
  ),
];
