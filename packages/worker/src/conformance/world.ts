import assert from "node:assert/strict";
import type { Cycle, Journal, Provisioner, RestartResult, Workspace } from "../provisioner.ts";
import { Attempt, type Fate } from "./attempt.ts";
import type { Judge, MakeIt } from "./judge.ts";

interface Given {
  readonly action?: Cycle["action"];
  readonly fate?: Fate;
}

/** A world is one workspace and the cycles it went through, as a coordinator would have led it through them. */
export class World {
  workspace: Workspace;
  readonly #makeIt: MakeIt;
  readonly #judge: Judge;
  #token = 1;
  #cycles = 0;
  #leftover: Journal | undefined;

  private constructor(makeIt: MakeIt, judge: Judge, workspace: Workspace) {
    this.#makeIt = makeIt;
    this.#judge = judge;
    this.workspace = workspace;
  }

  /** A workspace of which nothing ever ran. */
  static async empty(makeIt: MakeIt, judge: Judge): Promise<World> {
    const world = new World(makeIt, judge, await judge.workspace());
    assert.deepEqual(await world.running(), [], "expected the judge to give a workspace of which nothing runs");
    return world;
  }

  /** A workspace that was restarted once, and runs. */
  static async running(makeIt: MakeIt, judge: Judge): Promise<World> {
    const world = await World.empty(makeIt, judge);
    await world.restarted();
    return world;
  }

  async running(): Promise<string[]> {
    return [...(await this.#judge.running(this.workspace))].sort();
  }

  make(): Provisioner | Promise<Provisioner> {
    return this.#makeIt();
  }

  /** A first attempt at a new cycle. */
  attempt({ action = "restart", fate }: Given = {}): Attempt {
    this.#cycles += 1;
    return new Attempt({
      ...{ workspace: this.workspace, id: `cycle-${this.#cycles}`, fencingToken: ++this.#token, action },
      ...{ leftover: this.#leftover, ...(fate !== undefined && { fate }) },
    });
  }

  /** The next attempt at the same cycle, by another worker; with the journal of the one before, or another one. */
  takeover(dead: Attempt, journal: Journal | undefined = dead.written): Attempt {
    const { id, action, attempt, leftover } = dead;
    const fencingToken = ++this.#token;
    return new Attempt({
      workspace: this.workspace,
      id,
      action,
      attempt: attempt + 1,
      leftover,
      fencingToken,
      journal,
    });
  }

  /** Gives a cycle up: the next one finds what it wrote. */
  giveUp({ written }: Attempt): void {
    this.#leftover = written ?? this.#leftover;
  }

  /** Lets a new provisioner carry an attempt out. Resolves to "dead" when its fate was to die. */
  async carryOut(attempt: Attempt): Promise<RestartResult | undefined | "dead"> {
    const provisioner = await this.make();
    const result = await attempt.run(async (cycle) => {
      if (cycle.action === "restart") return provisioner.restart(cycle);
      await provisioner.stop(cycle);
      return undefined;
    });
    if (result !== "dead" && attempt.action === "restart") this.#note(result);
    return result;
  }

  /** A whole good restart: afterwards one instance runs, and none of those that ran before. */
  async restarted(attempt = this.attempt(), before?: readonly string[]): Promise<void> {
    const old = before ?? (await this.running());
    await this.carryOut(attempt);
    this.#leftover = undefined;
    const now = await this.running();
    assert.equal(now.length, 1, `expected one instance after a restart, there are ${now.length}: ${now.join(", ")}`);
    assert.ok(!old.includes(now[0] as string), `expected a fresh start after a restart, ${now[0]} ran before`);
  }

  #note(result: RestartResult | undefined): void {
    const instance = result?.instance;
    assert.ok(typeof instance === "object" && instance !== null, "expected restart to resolve to { instance }");
    const kept = JSON.parse(JSON.stringify(instance));
    this.workspace = { ...this.workspace, instance: kept };
  }
}
