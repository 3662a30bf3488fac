/** What the proxy knows of the instances: which states are still under way, who may see them, which token made them. */
import type { Settings } from "./faults.ts";
import { type Answer, instanceIdsOf, type Query, refusal } from "./query.ts";

export type State = "pending" | "running" | "shutting-down" | "terminated" | "stopping" | "stopped";

export const STATE_CODES: Readonly<Record<State, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

interface Known {
  /** As moto has it. */
  settled: State;
  /** As the world sees it until `movingUntil`. */
  moving: State | undefined;
  movingUntil: number;
  /** Since when it runs, for the status checks. */
  runningSince: number;
  hiddenUntil: number;
  hiddenDescribes: number;
}

/** From which states a call is legal; from others it is an IncorrectInstanceState. Terminating is always legal. */
const LEGAL: Readonly<Record<string, ReadonlySet<State>>> = {
  StartInstances: new Set(["stopped", "pending", "running"]),
  StopInstances: new Set(["running", "stopping", "stopped"]),
  RebootInstances: new Set(["running"]),
  CreateReplaceRootVolumeTask: new Set(["running"]),
};

export class Fleet {
  readonly #settings: Settings;
  readonly #ask: (id: string) => Promise<State | undefined>;
  #known = new Map<string, Known>();

  /** `ask` tells moto's state of an instance that was not launched through the proxy; undefined = there is none. */
  constructor(settings: Settings, ask: (id: string) => Promise<State | undefined>) {
    this.#settings = settings;
    this.#ask = ask;
  }

  reset(): void {
    this.#known = new Map();
  }

  launched(id: string): void {
    const now = performance.now();
    const { pendingMs, hiddenMs, hiddenDescribes } = this.#settings;
    this.#known.set(id, {
      settled: "running",
      moving: "pending",
      movingUntil: now + pendingMs,
      runningSince: now + pendingMs,
      hiddenUntil: now + hiddenMs,
      hiddenDescribes,
    });
  }

  /** Moto did what was asked. */
  done(action: string, ids: readonly string[]): void {
    for (const id of ids) {
      const known = this.#known.get(id);
      if (known === undefined) continue;
      const before = this.shown(id);
      if (action === "StartInstances" && before === "stopped") {
        this.#move(known, "pending", "running", this.#settings.pendingMs);
        known.runningSince = known.movingUntil;
      }
      if (action === "StopInstances" && before === "running") {
        this.#move(known, "stopping", "stopped", this.#settings.stoppingMs);
      }
      if (action === "TerminateInstances" && before !== "terminated" && before !== "shutting-down") {
        this.#move(known, "shutting-down", "terminated", this.#settings.shuttingDownMs);
      }
    }
  }

  /** Why EC2 would not do it, or undefined. */
  async refusalOf(query: Query): Promise<Answer | undefined> {
    const ids = instanceIdsOf(query);
    const unknown: string[] = [];
    for (const id of ids) {
      if (!(await this.#learn(id)) || this.isHidden(id)) unknown.push(id);
    }
    if (unknown.length > 0) {
      const list = unknown.join(", ");
      const message =
        unknown.length === 1 ? `The instance ID '${list}' does not exist` : `The instance IDs '${list}' do not exist`;
      return refusal("InvalidInstanceID.NotFound", message);
    }
    if (query.dryRun) return undefined;
    const legal = LEGAL[query.action];
    const wrong = legal && ids.find((id) => !legal.has(this.shown(id) as State));
    if (wrong !== undefined) {
      const message = `The instance '${wrong}' is not in a state (${this.shown(wrong)}) from which it can do that.`;
      return refusal("IncorrectInstanceState", message);
    }
    if (query.action === "AttachVolume") {
      const into = ids.find((id) => !["running", "stopped"].includes(this.shown(id) ?? ""));
      if (into !== undefined) return refusal("IncorrectState", `Instance '${into}' is not 'running'.`);
    }
    return undefined;
  }

  /** As the world sees it; undefined when the proxy does not know it, and moto's word counts. */
  shown(id: string): State | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    return known.moving !== undefined && performance.now() < known.movingUntil ? known.moving : known.settled;
  }

  isHidden(id: string): boolean {
    const known = this.#known.get(id);
    return known !== undefined && (known.hiddenDescribes > 0 || performance.now() < known.hiddenUntil);
  }

  /** Whether it would have been in the answer: counts as one of the describes in which it is unknown. */
  lookedFor(id: string): boolean {
    const hidden = this.isHidden(id);
    const known = this.#known.get(id);
    if (known !== undefined && known.hiddenDescribes > 0) known.hiddenDescribes -= 1;
    return hidden;
  }

  /** Nothing is under way or hidden: moto's answers are right as they are. */
  isSettled(): boolean {
    return [...this.#known.keys()].every((id) => {
      const moving = this.shown(id) !== this.#known.get(id)?.settled;
      return !moving && !this.isHidden(id) && !this.checksRun(id);
    });
  }

  checksRun(id: string): boolean {
    const known = this.#known.get(id);
    return known !== undefined && performance.now() < known.runningSince + this.#settings.checksMs;
  }

  #move(known: Known, moving: State, settled: State, forMs: number): void {
    Object.assign(known, { moving, settled, movingUntil: performance.now() + forMs });
  }

  async #learn(id: string): Promise<boolean> {
    if (this.#known.has(id)) return true;
    const settled = await this.#ask(id);
    if (settled === undefined) return false;
    const since = performance.now();
    if (!this.#known.has(id)) {
      const visible = { hiddenUntil: 0, hiddenDescribes: 0 };
      this.#known.set(id, { settled, moving: undefined, movingUntil: 0, runningSince: since, ...visible });
    }
    return true;
  }
}
