/** Does to the system what the plan says. Resolves once the fault is over, with what is worth telling. */
import { setTimeout as sleep } from "node:timers/promises";
import type { HintMeddler } from "./hints.ts";
import type { Fault } from "./plan-faults.ts";
import type { Reaper } from "./reaper.ts";
import type { System } from "./system.ts";
import { CAST } from "./workspaces.ts";

/** Meanwhile the worker goes on, and makes a few more calls that arrive late. */
const EFFECTS_GATHER_MS = 250;

/** `told` is called when it strikes. */
export async function inflict(
  fault: Fault,
  system: System,
  { hints, reaper }: { readonly hints: HintMeddler; readonly reaper: Reaper },
  told: (what: string) => void,
): Promise<void> {
  const { kind, target, forMs } = fault;
  const meddle = async (what: string, act: () => Promise<string>): Promise<void> => {
    // The workers use the queue at the same time, so an act may come too late for a job.
    told(`${what}: ${await act().catch((error: Error) => `not all of it (${error.message})`)}`);
  };
  switch (kind) {
    case "kill-workspace": {
      const { id } = CAST[Math.floor(target * CAST.length)] as (typeof CAST)[number];
      told(`the workspace ${id} ${(await reaper.kill(id)) ? "is killed" : "is to be killed, and does not live"}`);
      return;
    }
    case "kill-worker":
    case "kill-api":
    case "stop-worker":
    case "stop-api": {
      const signal = kind.startsWith("kill") ? "SIGKILL" : "SIGTERM";
      return system.replacing(kind.endsWith("api") ? "api" : "worker", target, async (replica) => {
        told(`${replica.name} ${signal}, another one ${forMs} ms later`);
        if (kind === "stop-worker") await system.interrupting(() => replica.stop(signal));
        await replica.replace(signal, forMs);
      });
    }
    case "freeze-worker":
    case "freeze-api": {
      const replica = await system.oneOf(kind === "freeze-api" ? "api" : "worker", target);
      told(`${replica.name} SIGSTOP for ${forMs} ms`);
      return replica.freeze(forMs);
    }
    case "cut-off-worker": {
      const { name, links } = await system.oneOf("worker", target);
      told(`${name} cut off from Redis for ${forMs} ms; what it sent arrives then`);
      return links.redis.hold(forMs);
    }
    case "late-effects":
      return system.replacing("worker", target, async (worker) => {
        told(`${worker.name} SIGKILL; its side effects under way arrive after ${forMs} ms`);
        const held = worker.links.ledger.hold(forMs);
        await sleep(EFFECTS_GATHER_MS);
        await worker.replace("SIGKILL", forMs);
        await held;
      });
    case "kill-redis":
      return system.withRedis((redis) =>
        system.interrupting(async () => {
          told(`Redis SIGKILL, back after ${forMs} ms`);
          await redis.kill("SIGKILL");
          await sleep(forMs);
          await redis.restart();
        }),
      );
    case "freeze-redis":
      return system.withRedis(async (redis) => {
        told(`Redis SIGSTOP for ${forMs} ms`);
        await redis.kill("SIGSTOP");
        await sleep(forMs);
        await redis.kill("SIGCONT");
      });
    case "disconnect-clients":
      return system.withRedis(() => meddle("CLIENT KILL", () => hints.disconnectAll()));
    case "wipe-queue":
      return system.withRedis(() => meddle("the queue", () => hints.wipe()));
    case "drop-hints":
      return system.withRedis(() => meddle("hints", () => hints.drop()));
    case "duplicate-hints":
      return system.withRedis(() => meddle("hints", () => hints.duplicate(CAST.map(({ id }) => id))));
    case "promote-hints":
      return system.withRedis(() => meddle("hints", () => hints.promote()));
    case "retry-hints":
      return system.withRedis(() => meddle("hints", () => hints.retry()));
    case "steal-hints":
      return system.withRedis(() => meddle("running hints", () => hints.steal()));
  }
}
