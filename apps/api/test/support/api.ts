/** An API server in this process, on a real Redis, for the tests of one file. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AttemptResult,
  type CycleLease,
  Cycles,
  Installation,
  type ToldEvent,
} from "@restart-coordinator/debounce";
import { type ApiEnvironment, apiEnvironment, LivePolicies } from "@restart-coordinator/service";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, inject, vi } from "vitest";
import type { Scope } from "../../src/authentication.ts";
import type { showReceipt, showWorkspace } from "../../src/representation.ts";
import { startApi } from "../../src/server.ts";
import { type Answer, type Asked, send } from "./http.ts";

export type ReceiptBody = ReturnType<typeof showReceipt>;
export type WorkspaceBody = ReturnType<typeof showWorkspace>;
export type EventBody = ToldEvent;
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly fields?: readonly { readonly field: string; readonly message: string }[];
  readonly rule?: string;
  readonly receipt?: ReceiptBody;
}

/** A token for each scope; its name is the scope's. */
export const TOKENS: Readonly<Record<Scope, string>> = {
  read: "read-token-0123456789",
  trigger: "trigger-token-0123456789",
  operate: "operate-token-0123456789",
  admin: "admin-token-0123456789",
};
export const API_TOKENS = Object.entries(TOKENS)
  .map(([scope, token]) => `${scope}:${scope}:${token}`)
  .join(",");

export interface TestApiOptions {
  readonly settings?: Partial<ApiEnvironment>;
  /** Shares the Redis keys and the directory of another: a further replica. */
  readonly beside?: () => TestApi;
}

/** Starts an API before the tests of a file, and leaves nothing of it after them. */
export function useApi(options: TestApiOptions = {}): TestApi {
  const api = new TestApi(options);
  beforeAll(() => api.start());
  afterAll(() => api.end());
  return api;
}

export class TestApi {
  /** Sent unless a request says otherwise. */
  readonly token = TOKENS.admin;
  readonly #options: TestApiOptions;
  readonly #leases: CycleLease[] = [];
  #started: Awaited<ReturnType<typeof startApi>> | undefined;
  #config: ApiEnvironment | undefined;
  #redis: Redis | undefined;
  #cycles: Cycles | undefined;

  constructor(options: TestApiOptions = {}) {
    this.#options = options;
  }

  async start(more: Partial<ApiEnvironment> = {}): Promise<void> {
    const { settings, beside } = this.#options;
    const other = beside?.().config;
    this.#config = {
      ...apiEnvironment.parse({
        REDIS_URL: other?.REDIS_URL ?? inject("redisUrl"),
        RESTART_PREFIX: other?.RESTART_PREFIX ?? ownPrefix(),
        WORKSPACES_DIR: other?.WORKSPACES_DIR ?? (await mkdtemp(join(tmpdir(), "api-workspaces-"))),
        API_TOKENS,
        LOG_LEVEL: "silent",
        PORT: "0",
      }),
      ...settings,
      ...more,
    };
    this.#started = await startApi(this.#config);
    await this.untilReady();
  }

  /** Waits for the connection to Redis: until then every answer is 503. */
  async untilReady(): Promise<void> {
    const isReady = async () => expect((await this.ask("GET", "/readyz")).status).toBe(200);
    await vi.waitFor(isReady, { timeout: 10_000, interval: 10 });
  }

  async end(): Promise<void> {
    for (const lease of this.#leases) lease.abandon();
    await this.#started?.service.stop();
    if (this.#options.beside === undefined && this.#config !== undefined) {
      await removeKeys(this.#config.REDIS_URL, this.#config.RESTART_PREFIX);
      await rm(this.#config.WORKSPACES_DIR, { recursive: true, force: true });
    }
    this.#redis?.disconnect();
  }

  get config(): ApiEnvironment {
    if (this.#config === undefined) throw new Error("the API has not been started");
    return this.#config;
  }

  get service() {
    if (this.#started === undefined) throw new Error("the API has not been started");
    return this.#started.service;
  }

  get port(): number {
    return this.#started?.port ?? 0;
  }

  ask<Body = ProblemBody>(method: string, path: string, asked: Asked = {}): Promise<Answer<Body>> {
    return send(this.port, method, path, { token: this.token, ...asked });
  }

  /** A new workspace; the answer is its id. */
  async workspace(entry: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const id = `ws-${randomBytes(6).toString("hex")}`;
    const { status } = await this.ask("PUT", `/workspaces/${id}`, { body: entry });
    expect(status).toBe(201);
    return id;
  }

  async state(id: string): Promise<WorkspaceBody> {
    return (await this.ask<WorkspaceBody>("GET", `/workspaces/${id}`)).json;
  }

  async activity(id: string): Promise<EventBody[]> {
    return (await this.ask<{ activity: EventBody[] }>("GET", `/workspaces/${id}/activity?limit=200`)).json.activity;
  }

  trigger(id: string, body: Readonly<Record<string, unknown>>, asked: Asked = {}): Promise<Answer<ReceiptBody>> {
    return this.ask("POST", `/workspaces/${id}/triggers`, { ...asked, body });
  }

  post<Body = ProblemBody>(id: string, verb: string, body?: Asked["body"]): Promise<Answer<Body>> {
    return this.ask("POST", `/workspaces/${id}/${verb}`, { body });
  }

  /** Begins the cycle that is due, as a worker does. The lease is left at the end at the latest. */
  async begin(id: string): Promise<CycleLease> {
    const begun = await this.cycles.begin(id);
    if (begun.kind !== "begun") throw new Error(`expected a cycle of ${id} to begin, it is ${begun.kind}`);
    this.#leases.push(begun.lease);
    return begun.lease;
  }

  /** A whole cycle: what is due begins and ends. */
  async cycle(id: string, result: AttemptResult = { outcome: "ok" }): Promise<void> {
    const reply = await (await this.begin(id)).end(result);
    expect(reply.kind).toBe("ended");
  }

  get cycles(): Cycles {
    const { RESTART_PREFIX: prefix, SHARDS: shards } = this.config;
    const policy = new LivePolicies(this.config);
    this.#cycles ??= new Cycles(new Installation({ redis: this.redis, prefix, shards, policy }), { worker: "test" });
    return this.#cycles;
  }

  /** A connection of the test's own. */
  get redis(): Redis {
    // It reports that a test has killed its server.
    this.#redis ??= new Redis(this.config.REDIS_URL).on("error", () => {});
    return this.#redis;
  }

  keys(pattern = "*"): Promise<string[]> {
    return findKeys(this.redis, `{${this.config.RESTART_PREFIX}:${pattern}`);
  }
}

export function ownPrefix(): string {
  return `test-${randomBytes(6).toString("hex")}`;
}

export async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  const keys = await findKeys(redis, `{${prefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
}

async function findKeys(redis: Redis, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const keys of redis.scanStream({ match: pattern, count: 1_000 })) found.push(...(keys as string[]));
  return [...new Set(found)].sort();
}
