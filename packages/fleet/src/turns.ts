/**
 * A cap on how many cycles run at a time, across all workers and shards, and a fair order in which they come.
 *
 * Workspaces that are due queue up; a worker with room takes whoever is next, if fewer than the cap run. Turns go round
 * by tenant: the first workspace of every tenant, then the second of every tenant, and so on. A permit is taken before the
 * cycle begins and renewed while it runs; a dead worker's runs out by Redis' clock.
 *
 * All of it may be lost without harm to what is owed: `due` is the truth, and the sweep queues up again what waits there.
 * Then as many more cycles as were forgotten may run until the permits are renewed, a third of a lease later at most.
 */
import { randomBytes } from "node:crypto";
import { type Installation, InvalidArgumentError } from "@restart-coordinator/debounce";
import { asked, type ScriptReply } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import { createFleetKeys, type FleetKeyRole, type FleetKeys } from "./keys.ts";
import { bindFleetScripts, type FleetScript, type FleetScripts } from "./scripts.ts";

export interface TurnsOptions {
  /** As many cycles run at a time; the same at every worker. */
  readonly maxRunning: number;
}

export type Taken =
  | { readonly kind: "granted"; readonly workspaceId: string; readonly permit: Permit }
  /** As many run as may. */
  | { readonly kind: "full"; readonly running: number; readonly waiting: number }
  | { readonly kind: "none" };

/**
 * A journal entry prolongs a lease at any time, a permit only at its own renewals: the permit is given so much longer that
 * it never ends first, as long as one renewal of it arrives in the meantime.
 */
const PERMIT_LEASES = 1.5;
const KEEP_WAITING_MS = 24 * 60 * 60 * 1_000;

export class Turns {
  readonly #redis: Redis | Cluster;
  readonly #scripts: FleetScripts;
  readonly #keys: FleetKeys;
  readonly #maxRunning: number;
  readonly #leaseMs: number;

  /** @throws InvalidArgumentError for a cap that is none */
  constructor({ redis, prefix, leaseMs }: Installation, { maxRunning }: TurnsOptions) {
    if (!Number.isSafeInteger(maxRunning) || maxRunning < 1) {
      throw new InvalidArgumentError(`expected maxRunning to be a whole number from 1, got ${maxRunning}`);
    }
    this.#redis = redis;
    this.#scripts = bindFleetScripts(redis);
    this.#keys = createFleetKeys(prefix);
    this.#maxRunning = maxRunning;
    this.#leaseMs = leaseMs;
  }

  /** Whether the workspace has queued up already. */
  async isWaiting(workspaceId: string): Promise<boolean> {
    return (await asked(() => this.#redis.zscore(this.#keys.of("waiting"), workspaceId))) !== null;
  }

  /** Queues a workspace up for its tenant's next turn; one that waits already keeps its place. */
  async enter(call: { workspaceId: string; tenant: string }): Promise<"entered" | "waiting"> {
    const { workspaceId: id, tenant } = call;
    const { kind } = await this.#run("enter", { id, tenant, keepMs: KEEP_WAITING_MS });
    return kind as "entered" | "waiting";
  }

  /** Takes the next turn, if fewer than the cap run. The permit is renewed until it is given back. */
  async take(call: { now?: number } = {}): Promise<Taken> {
    const permit = randomBytes(9).toString("base64url");
    const { permitMs } = this;
    const args = { permit, most: this.#maxRunning, permitMs, now: call.now ?? "" };
    const reply = await this.#run("take", args);
    if (reply.kind === "none") return { kind: "none" };
    if (reply.kind === "full")
      return { kind: "full", running: reply.number("running"), waiting: reply.number("waiting") };
    const keep = () => this.#run("keep", { permit, permitMs, now: "" });
    const giveBack = () => this.#run("give-back", { permit });
    return { kind: "granted", workspaceId: reply.text("id"), permit: new Permit(keep, giveBack, this.#leaseMs / 3) };
  }

  /** How long a permit lasts that nobody renews, ms. */
  get permitMs(): number {
    return Math.ceil(this.#leaseMs * PERMIT_LEASES);
  }

  #run(name: FleetScript, args: Readonly<Record<string, string | number>>): Promise<ScriptReply> {
    return this.#scripts.run(name, (role) => this.#keys.of(role as FleetKeyRole), args);
  }
}

/** The right to run one cycle, renewed in the background. */
export class Permit {
  readonly #giveBack: () => Promise<unknown>;
  readonly #renewal: NodeJS.Timeout;

  constructor(keep: () => Promise<unknown>, giveBack: () => Promise<unknown>, everyMs: number) {
    this.#giveBack = giveBack;
    // Redis may be away: the next renewal may reach it.
    this.#renewal = setInterval(() => void keep().catch(() => {}), everyMs);
  }

  async giveBack(): Promise<void> {
    this.abandon();
    await this.#giveBack();
  }

  /** Stops renewing without a word to Redis: it runs out by itself. */
  abandon(): void {
    clearInterval(this.#renewal);
  }
}
