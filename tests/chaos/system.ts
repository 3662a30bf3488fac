/** Everything that runs: Redis, the ledger's own Redis, API replicas and workers; and what can be done to them. */
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdirSync, mkdtempSync, type WriteStream, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Guard, type OwnRedis, startGuard, startRedis } from "@restart-coordinator/dev-redis";
import { VARIABLES } from "@restart-coordinator/service";
import type { Span } from "../judge/persons.ts";
import { Link } from "./link.ts";
import { DEADLINE_MS, LEASE_MS, OBSERVE_MS, POLICY, SWEEP_MS } from "./policy.ts";
import { Replica } from "./replica.ts";

export const LEDGER = "chaos";
const APIS = 3;
const WORKERS = 3;
const GRACE_MS = 400;
/** A side effect takes its time: long enough that a process is sometimes hit between a call and its answer. */
const LEDGER_LATENCY_MS = 120;

interface Links {
  readonly redis: Link;
  readonly ledger: Link;
}

export class System {
  readonly apis: readonly Replica[];
  readonly workers: readonly Replica[];
  readonly token = randomBytes(16).toString("hex");
  readonly shards: number;
  readonly redis: OwnRedis;
  /** Nothing that goes wrong in a run touches it. */
  readonly ledgerRedis: OwnRedis;
  /** What no run may show, whatever the judge says: a process that died by itself. */
  readonly crashes: string[] = [];
  /** When attempts at a cycle may have ended early, in an orderly way: a worker was told to stop, Redis told errors. */
  readonly interruptions: Span[] = [];
  readonly logFile: string;
  readonly #guard: Guard;
  readonly #log: WriteStream;
  readonly #links: readonly Links[];
  readonly #replaced = new Set<Replica>();
  #redisTurn: Promise<unknown> = Promise.resolve();

  static async start(shards: number): Promise<System> {
    const folder = mkdtempSync(join(tmpdir(), "restart-chaos-"));
    const guard = startGuard({ directory: folder });
    const servers = await Promise.all([
      startRedis({ own: true, appendOnly: true, appendfsync: "always" }),
      startRedis({ own: true }),
    ]);
    const [redis, ledger] = servers;
    const linksOf = async () => ({
      redis: await Link.to(redis.url, 0),
      ledger: await Link.to(ledger.url, LEDGER_LATENCY_MS),
    });
    const links = await Promise.all(Array.from({ length: WORKERS }, linksOf));
    const system = new System(folder, guard, servers, links, shards);
    try {
      await Promise.all(system.replicas.map((replica) => replica.start()));
    } catch (error) {
      await system.stop();
      throw error;
    }
    if (system.crashes.length > 0) {
      await system.stop();
      throw new Error(`the system did not start (is it built?): ${system.crashes.join(", ")}`);
    }
    return system;
  }

  private constructor(
    folder: string,
    guard: Guard,
    [redis, ledgerRedis]: [OwnRedis, OwnRedis],
    links: readonly Links[],
    shards: number,
  ) {
    this.#guard = guard;
    this.redis = redis;
    this.ledgerRedis = ledgerRedis;
    this.shards = shards;
    this.logFile = join(folder, "log");
    this.#log = createWriteStream(this.logFile);
    const policyFile = join(folder, "policy.json");
    writeFileSync(policyFile, JSON.stringify(POLICY));
    mkdirSync(join(folder, "workspaces"));
    const env = this.#environment(policyFile, join(folder, "workspaces"));
    const replica = (role: "api" | "worker", n: number, own?: Links) =>
      new Replica({
        role,
        name: `${role}-${n}`,
        env: { ...env, ...(own && { REDIS_URL: own.redis.url, SIMULATED_LEDGER_URL: own.ledger.url }) },
        ...(own && { links: own }),
        guard,
        onLine: (name, line) => this.#log.write(`${name} ${line}\n`),
        onCrash: (name, how) => this.crashes.push(`${name} ended by itself: ${how}`),
      });
    this.apis = Array.from({ length: APIS }, (_, n) => replica("api", n));
    this.workers = links.map((own, n) => replica("worker", n, own));
    this.#links = links;
  }

  get replicas(): readonly Replica[] {
    return [...this.apis, ...this.workers];
  }

  /** One of the role that is up, by a number from 0 up to 1; waits for one. It may be frozen, or cut off. */
  async oneOf(role: "api" | "worker", target: number): Promise<Replica> {
    for (;;) {
      const all = role === "api" ? this.apis : this.workers;
      const free = all.filter((replica) => replica.isUp && !this.#replaced.has(replica));
      const chosen = free[Math.floor(target * free.length)];
      if (chosen !== undefined) return chosen;
      await sleep(50);
    }
  }

  /** Replaces one; nobody else replaces it meanwhile. */
  async replacing(role: "api" | "worker", target: number, replace: (one: Replica) => Promise<void>): Promise<void> {
    const replica = await this.oneOf(role, target);
    this.#replaced.add(replica);
    await replace(replica).finally(() => this.#replaced.delete(replica));
  }

  /** Notes from when until when attempts may end early. */
  async interrupting<Result>(action: () => Promise<Result>): Promise<Result> {
    const from = Date.now();
    try {
      return await action();
    } finally {
      this.interruptions.push({ from, to: Date.now() });
    }
  }

  /** One thing at a time happens to Redis. */
  async withRedis<Result>(action: (redis: OwnRedis) => Promise<Result>): Promise<Result> {
    const turn = this.#redisTurn.then(() => action(this.redis));
    this.#redisTurn = turn.catch(() => {});
    return turn;
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.close()));
    await this.#redisTurn;
    for (const { redis, ledger } of this.#links) {
      redis.close();
      ledger.close();
    }
    await Promise.all([this.redis.stop(), this.ledgerRedis.stop()]);
    await new Promise((resolve) => this.#log.end(resolve));
    await this.#guard.finish();
  }

  /** What the shell has set for another installation is not for this one. */
  #environment(policyFile: string, workspaces: string): NodeJS.ProcessEnv {
    const isOurs = (name: string) => VARIABLES.includes(name) || /^(RESTART|SIMULATED)_/.test(name);
    return {
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name))),
      REDIS_URL: this.redis.url,
      SHARDS: String(this.shards),
      RESTART_POLICY_FILE: policyFile,
      RESTART_LEASE_MS: String(LEASE_MS),
      RESTART_SWEEP_MS: String(SWEEP_MS),
      RESTART_OBSERVE_MS: String(OBSERVE_MS),
      WORKSPACES_DIR: workspaces,
      PORT: "0",
      API_TOKENS: `chaos:admin:${this.token}`,
      PROVISIONER: "simulated",
      SIMULATED_LEDGER: LEDGER,
      CYCLE_DEADLINE_MS: String(DEADLINE_MS),
      SHUTDOWN_GRACE_MS: String(GRACE_MS),
      LOG_LEVEL: "info",
    };
  }
}
