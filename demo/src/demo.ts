/** One run, from the first process to the verdict. */
import { setTimeout as sleep } from "node:timers/promises";
import { howToReach, programme } from "./announcements.ts";
import type { Facts } from "./facts.ts";
import { Observer } from "./observer.ts";
import type { Options } from "./options.ts";
import { replay } from "./replay.ts";
import { Sabotage } from "./sabotage.ts";
import { defaultSpeed, scaledPolicy } from "./scaled-policy.ts";
import { print } from "./screen.ts";
import { Story } from "./story.ts";
import { render, toJson } from "./summary.ts";
import { System } from "./system.ts";
import type { Trace } from "./trace.ts";
import { judge } from "./verdict.ts";

const PATIENCE_MS = 10_000;
const PATIENCE_WHEN_INTERRUPTED_MS = 1_500;

/** Resolves with whether every promise held, when nothing runs any more. Rejects when interrupted before the verdict. */
export async function runDemo(options: Options, trace: Trace, interruption: AbortSignal): Promise<boolean> {
  const speed = options.speed ?? defaultSpeed(trace, options.cycleMs);
  const policy = scaledPolicy(options.profile, speed);
  const startMs = options.cycleMs / speed;
  const system = new System({ policy, startMs, workspaces: trace.workspaces, provisioner: options.provisioner });
  const story = new Story(speed, trace.workspaces.length, (id, attempt) => system.workerLog.workerOf(id, attempt));
  const killed: string[] = [];
  system.on("ended", ({ child, role, how, left }) => {
    killed.push(child.name);
    story.ended(child, role, how, left);
  });
  const following = new AbortController();
  const observer = new Observer(system.client(), trace.workspaces, (cycle, step, at) => story.step(cycle, step, at));

  try {
    await Promise.race([system.start(), rejectionOf(interruption)]);
    for (const line of programme(options, trace, speed, system)) print(line);

    const writer = system.client();
    const sabotage = options.kill ? new Sabotage(system, writer, trace.entries.length) : undefined;
    story.begin();
    void observer.follow(following.signal);
    const writes = await replay({
      ...{ trace, speed, policy, client: writer, signal: interruption },
      beforeSend: (number) => sabotage?.beforeSend(number),
      onDone: (write, unanswered) => story.write(write, unanswered),
    });
    const stillOwed = await untilNothingIsOwed(observer, system, longestMs(policy, startMs), interruption);
    sabotage?.stop();
    await observer.look().catch(() => {});
    story.settled(stillOwed);

    const served = await Promise.all(trace.workspaces.map(async (id) => [id, await system.served(id)] as const));
    const facts: Facts = {
      ...{ profile: options.profile, policy, speed, writes, stillOwed },
      cycles: observer.cycles,
      agentRuns: system.agentRuns(),
      instances: await system.instances(),
      served: Object.fromEntries(served),
    };
    const verdict = judge(facts);
    const ending = { trace: trace.name, facts, verdict, killed, seconds: (at: number) => story.seconds(at) };
    print();
    for (const line of render(ending)) print(line);
    if (options.keep) for (const line of howToReach(trace, system)) print(line);
    if (options.json) {
      following.abort();
      print(JSON.stringify(toJson(ending)));
    }
    if (options.keep) await rejectionOf(interruption).catch(() => {});
    return verdict.brokenPromises.length === 0;
  } finally {
    following.abort();
    await system.stop({ patienceMs: interruption.aborted ? PATIENCE_WHEN_INTERRUPTED_MS : PATIENCE_MS });
  }
}

const LOOK_EVERY_MS = 100;
/** For the processes' own work and a busy machine, ms. */
const SLACK_MS = 30_000;

/** The longest that anything owed may wait, twice a restart, and some more. */
function longestMs(policy: ReturnType<typeof scaledPolicy>, startMs: number): number {
  const longestWait = Math.max(...Object.values(policy.sources).map(({ maxWaitMs }) => maxWaitMs));
  return longestWait + policy.cooldownMs + 2 * startMs + SLACK_MS;
}

/** Resolves with what is still owed when waiting makes no more sense; nothing, if all went well. */
async function untilNothingIsOwed(
  observer: Observer,
  system: System,
  atMostMs: number,
  interruption: AbortSignal,
): Promise<string[]> {
  const until = performance.now() + atMostMs;
  for (;;) {
    const owed = await observer.owed().catch((error: Error) => [`every workspace, perhaps (${error.message})`]);
    if (owed.length === 0) return [];
    if (performance.now() > until || !system.canRestart) return owed;
    await sleep(LOOK_EVERY_MS, undefined, { signal: interruption });
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
