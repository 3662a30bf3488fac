/** Random lives of one workspace, with a ledger of what became of every trigger. */
import { expect } from "vitest";
import type { BegunReply, EndCall } from "../../src/transitions/types.ts";
import { expectSound } from "./invariants.ts";
import { at, type TestWorkspace } from "./workspace.ts";

export type Random = () => number;

/** A small generator with a seed (mulberry32), so that a failure can be repeated. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SOURCES = ["file-write", "secret-change", "manual", "startup", "a2a-preflight", "template-import"] as const;
const WAITS = [0, 0, 1, 500, 2_000, 5_000, 15_000, 16_000, 60_000, 120_000] as const;

/** What became of the accepted triggers: each is owed, covered by a good cycle, or canceled. */
export class Walk {
  readonly #workspace: TestWorkspace;
  readonly #random: Random;
  readonly #log: string[] = [];
  /** Accepted and not begun to be covered. */
  #owed = 0;
  /** Covered by the cycle that has begun and not ended. */
  #begun: { attempt: BegunReply; covers: number; canceled: boolean; running: boolean } | undefined;
  readonly #staleTokens: number[] = [];
  #lastStart = Number.NEGATIVE_INFINITY;
  /** A person, an operator or a change of the desired state asked since the last cycle began. */
  #asked = false;

  constructor(workspace: TestWorkspace, random: Random) {
    this.#workspace = workspace;
    this.#random = random;
  }

  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i += 1) {
      this.#workspace.now += this.#pick(WAITS);
      await this.#step();
      await this.#sound();
    }
    await this.#settle();
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.4) return this.#trigger();
    if (dice < 0.62) return this.#begin();
    if (dice < 0.78) return this.#end();
    if (dice < 0.82) return this.#stale();
    return this.#operate();
  }

  async #trigger(): Promise<void> {
    const source = this.#pick(SOURCES);
    const count = this.#pick([1, 1, 1, 2, 5]);
    const onHold = source === "manual" ? this.#pick(["queue", "refuse", "override"] as const) : "queue";
    const wasRetrying = this.#begun !== undefined && !this.#begun.running;
    const reply = await this.#workspace.trigger(source, { count, onHold, write: true, reasons: [source] });
    this.#note(
      `${count} ${source} ${onHold} → ${reply.decision}/${reply.rule}, ${reply.rest.decision}/${reply.rest.rule}`,
    );
    const isOwed = ({ decision }: { decision: string }) => decision === "fired" || decision === "coalesced";
    if (!isOwed(reply)) return;
    this.#owed += isOwed(reply.rest) ? count : 1;
    if (source !== "manual") return;
    this.#asked = true;
    if (wasRetrying) this.#backToOwed();
  }

  async #begin(): Promise<void> {
    const wakeAt = await this.#workspace.wakeAt();
    if (wakeAt !== undefined && this.#random() < 0.7) this.#workspace.now = Math.max(this.#workspace.now, wakeAt);
    const reply = await this.#workspace.begin(`worker/${this.#random()}`);
    this.#note(`begin → ${reply.kind} ${reply.kind === "begun" ? `${reply.how} ${reply.action}` : ""}`);
    if (reply.kind !== "begun") return;
    const previous = this.#workspace.attempt;
    if (previous !== undefined) this.#staleTokens.push(previous.fencingToken);
    this.#workspace.attempt = reply;
    const covers = reply.covers.reduce((sum, { count }) => sum + count, 0);
    if (reply.how === "new") {
      if (this.#begun !== undefined) this.#backToOwed();
      if (reply.action === "restart") this.#newRestart(reply, covers);
      this.#begun = { attempt: reply, covers, canceled: false, running: true };
      return;
    }
    const begun = this.#begun;
    if (begun === undefined) throw new Error(this.#told("a cycle out of nowhere"));
    expect({ cycle: reply.cycleId, covers, generation: reply.generation }, this.#told("the same cycle")).toEqual({
      cycle: begun.attempt.cycleId,
      covers: begun.covers,
      generation: begun.attempt.generation,
    });
    expect(reply.attempt, this.#told("attempts are counted")).toBe(begun.attempt.attempt + 1);
    expect(reply.fencingToken, this.#told("tokens rise")).toBeGreaterThan(begun.attempt.fencingToken);
    this.#begun = { ...begun, attempt: reply, running: true };
  }

  #newRestart(reply: BegunReply, covers: number): void {
    expect(covers, this.#told("a new cycle covers all that is owed")).toBe(this.#owed);
    if (!this.#asked) {
      const cooldown = this.#workspace.policy.cooldownMs;
      expect(reply.startedAt, this.#told("the cooldown is kept")).toBeGreaterThanOrEqual(this.#lastStart + cooldown);
    }
    this.#owed = 0;
    this.#asked = false;
    this.#lastStart = reply.startedAt;
  }

  async #end(): Promise<void> {
    const outcomes = ["ok", "ok", "ok", "failed", "failed", "handover"] as const;
    const { stopAsked } = (await this.#workspace.view()).state;
    const isRestart = this.#begun?.attempt.action === "restart";
    // Only a restart is declined, and only what was asked to stop is canceled.
    const more = [
      ...(isRestart ? (["declined"] as const) : []),
      ...(stopAsked ? (["canceled", "canceled"] as const) : []),
    ];
    await this.#endWith(this.#pick([...outcomes, ...more]), this.#random() < 0.7);
  }

  async #endWith(outcome: EndCall["outcome"], retryable: boolean): Promise<void> {
    const begun = this.#begun;
    if (begun?.running !== true) return;
    const reply = await this.#workspace.end(outcome, { retryable, jitter: this.#random() });
    this.#note(`end ${outcome}${retryable ? "" : " for good"} → ${reply.kind === "lost" ? "lost" : reply.what}`);
    if (reply.kind === "lost") {
      // Handed over before, and not taken since.
      expect(this.#handedOver, this.#told("only a lease that was given up is lost")).toBe(true);
      return;
    }
    this.#handedOver = reply.what === "handover";
    if (reply.what === "handover") return;
    if (reply.what === "retry") {
      begun.running = false;
      return;
    }
    this.#begun = undefined;
    const isRestart = begun.attempt.action === "restart";
    if (reply.what !== "ok" && isRestart && !begun.canceled) this.#owed += begun.covers;
  }

  #handedOver = false;

  /** Whoever acts with an old token is told so, and changes nothing. */
  async #stale(): Promise<void> {
    if (this.#staleTokens.length === 0) return;
    const fencingToken = this.#pick(this.#staleTokens);
    const before = await this.#workspace.view();
    expect(await this.#workspace.renew(fencingToken)).toEqual({ kind: "lost" });
    expect(await this.#workspace.journal("{}", fencingToken)).toEqual({ kind: "lost" });
    expect(await this.#workspace.end("ok", { fencingToken })).toEqual({ kind: "lost" });
    expect(await this.#workspace.view(), this.#told("a stale worker changed something")).toEqual(before);
  }

  async #operate(): Promise<void> {
    const workspace = this.#workspace;
    const verb = this.#pick([
      "hold",
      "release",
      "flush",
      "cancel",
      "pause",
      "resume",
      "parent",
      "runtime",
      "renew",
    ] as const);
    let told: unknown;
    if (verb === "hold") told = (await workspace.hold(this.#pick([1_000, 20_000, 100_000]), this.#owner())).kind;
    if (verb === "release") told = (await workspace.release(this.#owner())).kind;
    if (verb === "flush") {
      told = (await workspace.flush()).kind;
      this.#asked ||= told === "flushed";
    }
    if (verb === "cancel") await this.#cancel();
    if (verb === "pause" || verb === "resume") {
      told = (await workspace.desire(verb === "pause" ? "paused" : "running")).kind;
      this.#asked ||= told === "accepted";
    }
    if (verb === "parent") told = await workspace.markParent(this.#random() < 0.3);
    if (verb === "runtime") told = await workspace.register({ runtime: this.#random() < 0.3 ? "external" : "" });
    if (verb === "renew" && this.#begun?.running) told = (await workspace.renew()).kind;
    this.#note(`${verb} → ${told}`);
  }

  #owner(): { readonly actor: string } {
    return { actor: this.#pick(["ann", "bob"]) };
  }

  async #cancel(): Promise<void> {
    const reply = await this.#workspace.cancel();
    this.#note(`cancel → ${JSON.stringify(reply)}`);
    const begun = this.#begun;
    const isRestart = begun?.attempt.action === "restart";
    if (reply.kind !== "canceled" && reply.kind !== "stopping") return;
    const retried = isRestart && !begun.running ? begun.covers : 0;
    expect(reply, this.#told("cancel tells how many")).toMatchObject({ triggers: this.#owed + retried });
    this.#owed = 0;
    if (!isRestart) return;
    if (begun.running) begun.canceled = true;
    else this.#begun = undefined;
  }

  /** Takes away whatever holds restarts back, and runs good cycles until nobody need look any more. */
  async #settle(): Promise<void> {
    const workspace = this.#workspace;
    await workspace.register({ runtime: "" });
    await workspace.markParent(false);
    await workspace.desire("running");
    await workspace.release({ which: "all" });
    await workspace.flush();
    this.#asked = true;
    this.#note("settle");
    await this.#sound();
    for (let i = 0; i < 10; i += 1) {
      await this.#endWith("ok", true);
      await this.#sound();
      const wakeAt = await workspace.wakeAt();
      if (wakeAt === undefined) break;
      workspace.now = Math.max(workspace.now, wakeAt);
      await this.#begin();
      await this.#sound();
    }
    const { restart } = await workspace.state();
    expect(
      { owed: this.#owed, phase: restart.phase, behind: restart.generation - restart.observedGeneration },
      this.#told("all is covered"),
    ).toEqual({
      owed: 0,
      phase: "idle",
      behind: 0,
    });
  }

  #backToOwed(): void {
    const begun = this.#begun;
    if (begun === undefined) return;
    if (begun.attempt.action === "restart") this.#owed += begun.covers;
    this.#begun = undefined;
  }

  #sound(): Promise<void> {
    return expectSound(this.#workspace, `after\n${this.#log.join("\n")}`);
  }

  #note(what: string): void {
    this.#log.push(`+${this.#workspace.now - at(0)} ${what}`);
  }

  #told(what: string): string {
    return `${what} after\n${this.#log.join("\n")}`;
  }

  #pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.#random() * items.length)] as Item;
  }
}
