/** One rollout at a time, each with keys of its own, and its transitions with the time as an argument. */
import { Installation } from "@restart-coordinator/debounce";
import type { Redis } from "ioredis";
import { beforeEach } from "vitest";
import { type Rollout, type RolloutRequest, Rollouts } from "../../src/index.ts";
import { fieldsOf } from "../../src/rollout-record.ts";
import type { MemberRecord } from "../../src/rollout-types.ts";
import { useRedis } from "./redis.ts";

export let redis: Redis;

export const START = 1_000_000;
export const LEASE_MS = 10_000;
/** What the next call is told the time is. */
export let now = START;
let count = 0;
export let rollouts: Rollouts;
/** The rollout that the next call is about. */
export let id = "";

/** Call it once per test file, outside of any test. */
export function useRollouts(): void {
  const own = useRedis();
  redis = own.redis;
  beforeEach(() => {
    now = START;
    count += 1;
    id = "r1";
    rollouts = new Rollouts(new Installation({ redis, prefix: `${own.prefix}-${count}`, leaseMs: LEASE_MS }));
  });
}

export function later(ms: number): void {
  now += ms;
}

export function at(ms: number): void {
  now = ms;
}

export function another(rollout: string): void {
  id = rollout;
}

export const names = (total: number) => Array.from({ length: total }, (_, n) => `w${n}`);

/** Creates a rollout of so many workspaces; `undefined`: of those a selector matches. */
export async function create(total: number | undefined, request: Partial<RolloutRequest> = {}, body = "body") {
  const whole = { source: "manual", actor: "ops", maxConcurrent: 2, splayMs: 0, ...request };
  const fields = { ...fieldsOf(whole), body, keepMs: "60000" };
  const ids = total === undefined ? undefined : names(total);
  return rollouts.transitions.create({ id, fields, ids, mostActive: 3, now });
}

export async function claim(owner = "me"): Promise<number> {
  const reply = await rollouts.transitions.claim({ id, owner, now });
  if (reply.kind !== "claimed") throw new Error(`expected to advance ${id}, it is ${reply.kind}`);
  return reply.fence;
}

export async function state(): Promise<Rollout> {
  const rollout = await rollouts.get(id);
  if (rollout === undefined) throw new Error(`no rollout ${id}`);
  return rollout;
}

export const pick = (fence: number) => rollouts.transitions.pick({ id, fence, now });
export const settle = (fence: number, workspaceId: string, member: MemberRecord) =>
  rollouts.transitions.settle({ id, fence, workspaceId, member, now });
export const steer = (verb: "pause" | "resume" | "abort", reason?: string) =>
  rollouts.transitions.steer({ id, verb, actor: "ops", reason, now });

/** Picks as many as may start now. */
export async function pickAll(fence: number): Promise<string[]> {
  const picked: string[] = [];
  for (;;) {
    const reply = await pick(fence);
    if (reply.kind !== "picked") return picked;
    picked.push(reply.workspaceId);
  }
}

export async function events(): Promise<[event: string, payload: Record<string, unknown>][]> {
  const entries = await redis.xrange(rollouts.keys.of("events"), "-", "+");
  return entries.map(([, fields]) => [String(fields[1]), JSON.parse(String(fields[7]))]);
}
export const eventNames = async () => (await events()).map(([event]) => event);
