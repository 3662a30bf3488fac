/** Many registered workspaces with nothing to do, beside a system that has none: both at the same time. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Installation, RestartCoordinator } from "@restart-coordinator/debounce";
import { closedLoop } from "../load/closed-loop.ts";
import { startProcess } from "../processes.ts";
import { startBenchRedis } from "../redis.ts";
import type { Row } from "../row.ts";

const LOOKS = 40;
/** More often than by default: a mean over twenty sweeps says little. */
const SWEEP_MS = "200";
/** A heap that may not grow holds what is needed: otherwise V8 takes tens of MiB more or less as it likes. */
const SMALL_HEAP = "--max-semi-space-size=1 --max-old-space-size=80";

export const idle: Row = {
  id: "idle",
  title: "100,000 registered idle workspaces, against an empty system at the same time",
  oneRound: true,
  limits: [
    { measure: "moreConnections", atMost: 0 },
    // Polls and timers would show as commands; the two systems' own ticks may differ by one.
    { measure: "moreCommandsPerSecond", atMost: 0.5 },
    { measure: "apiMoreMiB", atMost: 30 },
    { measure: "workerMoreMiB", atMost: 30 },
    { measure: "sweepCost", atMost: 1.25 },
  ],
  async open(isShort) {
    const count = isShort ? 500 : 100_000;
    const lookMs = isShort ? 1_500 : 20_000;
    const systems = await Promise.all([openSystem(), openSystem()]);
    const [full] = systems;
    const run = async () => {
      const coordinator = new RestartCoordinator(new Installation({ redis: full.bench.redis }));
      const young = await Promise.all(systems.map((system) => system.leastResident(lookMs)));
      await closedLoop(count, 64, (i) => coordinator.registry.register(`workspace-${i}`, {}));
      const before = await Promise.all(systems.map((system) => system.look()));
      const resident = await Promise.all(systems.map((system) => system.leastResident(lookMs)));
      const after = await Promise.all(systems.map((system) => system.look()));
      const [ofFull, ofEmpty] = after.map((look, i) => {
        const start = before[i] as typeof look;
        const sweeps = look.sweeps - start.sweeps;
        return {
          ...look,
          ...(resident[i] as Resident),
          commandsPerSecond: ((look.commands - start.commands) / lookMs) * 1_000,
          usPerSweep: (look.sweepUs - start.sweepUs) / sweeps,
        };
      }) as [Seen, Seen];
      return {
        moreConnections: ofFull.connections - ofEmpty.connections,
        moreCommandsPerSecond: ofFull.commandsPerSecond - ofEmpty.commandsPerSecond,
        // Two processes differ by what their start left behind: each is compared with itself, then with the other.
        apiMoreMiB: ofFull.apiMiB - (young[0]?.apiMiB ?? 0) - (ofEmpty.apiMiB - (young[1]?.apiMiB ?? 0)),
        workerMoreMiB: ofFull.workerMiB - (young[0]?.workerMiB ?? 0) - (ofEmpty.workerMiB - (young[1]?.workerMiB ?? 0)),
        sweepCost: ofFull.usPerSweep / ofEmpty.usPerSweep,
        connections: ofFull.connections,
        commandsPerSecond: ofFull.commandsPerSecond,
        apiMiB: ofFull.apiMiB,
        workerMiB: ofFull.workerMiB,
        usPerSweep: ofFull.usPerSweep,
      };
    };
    return {
      contenders: [{ name: `${count} idle workspaces`, run }],
      close: async () => {
        await Promise.all(systems.map((system) => system.close()));
      },
    };
  },
};

type Look = Awaited<ReturnType<Awaited<ReturnType<typeof openSystem>>["look"]>>;
type Resident = { readonly apiMiB: number; readonly workerMiB: number };
type Seen = Look & Resident & { readonly commandsPerSecond: number; readonly usPerSweep: number };

async function openSystem() {
  const bench = await startBenchRedis();
  const env = {
    NODE_OPTIONS: SMALL_HEAP,
    REDIS_URL: bench.url,
    API_TOKENS: `bench:admin:${randomBytes(16).toString("hex")}`,
    PORT: "0",
  };
  const [api, worker] = await Promise.all([
    startProcess("api", env),
    startProcess("worker", { ...env, PROVISIONER: "simulated", RESTART_SWEEP_MS: SWEEP_MS }),
  ]);
  const look = async () => {
    const [clients, stats] = await Promise.all([bench.redis.info("clients"), bench.redis.info("commandstats")]);
    const called = (name: string) => {
      const [, calls = 0, us = 0] = new RegExp(`cmdstat_${name}:calls=(\\d+),usec=(\\d+)`).exec(stats) ?? [];
      return { calls: Number(calls), us: Number(us) };
    };
    const all = [...stats.matchAll(/:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
    return {
      connections: Number(/connected_clients:(\d+)/.exec(clients)?.[1]),
      commands: all,
      // A sweep is the only one that asks for a range of the due set, and it asks once a shard.
      sweeps: called("zrange").calls,
      sweepUs: called("evalsha").us,
    };
  };
  /** The least within a while: what the collector has yet to take is not needed. */
  const leastResident = async (withinMs: number) => {
    const least = { apiMiB: Number.POSITIVE_INFINITY, workerMiB: Number.POSITIVE_INFINITY };
    for (let i = 0; i < LOOKS; i += 1) {
      await sleep(withinMs / LOOKS);
      least.apiMiB = Math.min(least.apiMiB, api.residentMiB());
      least.workerMiB = Math.min(least.workerMiB, worker.residentMiB());
    }
    return least;
  };
  const close = async () => {
    await Promise.all([api.stop(), worker.stop()]);
    await bench.stop();
  };
  return { bench, look, leastResident, close };
}
