/** A run: the plan is carried out, everything calms down, and the judge decides. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { judge } from "../judge/judge.ts";
import type { Verdict } from "../judge/verdict.ts";
import { calmDown } from "./calm-down.ts";
import { Client } from "./client.ts";
import { Clients } from "./clients.ts";
import { gather } from "./evidence.ts";
import { inflict } from "./faults.ts";
import { HintMeddler } from "./hints.ts";
import { killInCalm } from "./kill-in-calm.ts";
import { type FaultKind, planFaults } from "./plan-faults.ts";
import { planLoad } from "./plan-load.ts";
import { Random } from "./random.ts";
import { Reaper } from "./reaper.ts";
import { System } from "./system.ts";
import { CAST } from "./workspaces.ts";

export interface RunOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Told of everything that happens. */
  readonly onEvent?: (event: RunEvent) => void;
  /** Ends the run early, leaving nothing behind. */
  readonly signal?: AbortSignal;
}

export interface RunEvent {
  /** ms after the start. */
  readonly at: number;
  readonly what: string;
}

export interface RunResult {
  readonly verdict: Verdict;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** What must not happen, whatever the judge says: a process that died by itself, an answer 500. */
  readonly surprises: readonly string[];
  /** What the violated workspaces went through. */
  readonly cases: readonly Case[];
}

export interface Case {
  readonly workspaceId: string;
  readonly ledger: readonly unknown[];
  readonly requests: readonly unknown[];
  readonly activity: unknown;
  readonly log: readonly string[];
}

const CALM_WITHIN_MS = 90_000;
const CASES = 5;
const LOG_LINES = 400;

export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { seconds, seed, signal } = options;
  const lengthMs = seconds * 1_000;
  const random = new Random(seed);
  const load = planLoad(random.fork("load"), lengthMs);
  const faults = planFaults(random.fork("faults"), lengthMs);
  const system = await System.start(random.fork("shards").pick([1, 2, 3]));
  const hints = new HintMeddler(system.redis.url, system.shards);
  const reaper = new Reaper(system.ledgerRedis.url);
  try {
    const startedAt = Date.now();
    const tell = (what: string): void => options.onEvent?.({ at: Date.now() - startedAt, what });
    const urls = () => system.apis.flatMap(({ url }) => url ?? []);
    const client = new Client(urls, system.token);
    const clients = new Clients(client);
    tell(`${system.apis.length} APIs, ${system.workers.length} workers, ${system.shards} shards are up`);
    for (const member of CAST) await clients.register(member);

    const struck: Partial<Record<FaultKind, number>> = {};
    const steps = [
      ...load.map((step) => ({ at: step.at, act: () => clients.perform(step) })),
      ...faults.map((fault) => ({
        at: fault.at,
        act: () =>
          inflict(fault, system, { hints, reaper }, (what) => {
            struck[fault.kind] = (struck[fault.kind] ?? 0) + 1;
            tell(what);
          }),
      })),
    ].sort((a, b) => a.at - b.at);
    await playAll(steps, signal);

    tell("calm");
    await calmDown(client, CALM_WITHIN_MS);
    const calmFrom = Date.now();
    tell(`killed in the calm: ${await killInCalm(client, reaper, CALM_WITHIN_MS)}`);
    const final = await calmDown(client, CALM_WITHIN_MS);
    const visitors = load.filter(({ ask }) => ask.kind === "register").map(({ member }) => member);
    const evidence = await gather(client, system, visitors, { final, calmFrom });
    const verdict = judge(evidence);
    tell("judged");

    const suspects = [...new Set(verdict.violations.map(({ workspaceId }) => workspaceId))].slice(0, CASES);
    const log = suspects.length === 0 ? [] : readFileSync(system.logFile, "utf8").split("\n");
    const cases = suspects.map(async (workspaceId): Promise<Case> => {
      const isOwn = (item: { workspaceId: string }) => item.workspaceId === workspaceId;
      return {
        workspaceId,
        ledger: [...evidence.ledger.effects, ...evidence.ledger.refusals].filter(isOwn).sort((a, b) => a.at - b.at),
        requests: evidence.requests.filter(isOwn).sort((a, b) => a.sentAt - b.sentAt),
        activity: await client.read(`/workspaces/${workspaceId}/activity?limit=200`),
        log: log.filter((line) => line.includes(`"${workspaceId}"`)).slice(-LOG_LINES),
      };
    });
    const surprises = [...system.crashes, ...client.surprises];
    return { verdict, faults: struck, surprises, cases: await Promise.all(cases) };
  } finally {
    await hints.close();
    reaper.close();
    await system.stop();
  }
}

interface Step {
  readonly at: number;
  readonly act: () => Promise<void>;
}

/** Starts each step at its time, and resolves once all have ended. */
async function playAll(steps: readonly Step[], signal: AbortSignal | undefined): Promise<void> {
  const startedAt = performance.now();
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (const { at, act } of steps) {
    const wait = startedAt + at - performance.now();
    if (wait > 0) await sleep(wait, undefined, { ...(signal && { signal }) });
    signal?.throwIfAborted();
    if (failures.length > 0) break;
    const done = act()
      .catch((error: unknown) => void failures.push(error))
      .finally(() => running.delete(done));
    running.add(done);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
}
