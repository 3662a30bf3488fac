/** Every pair of deaths, in memory: the first at any point of a cycle, the second at any point of what comes after it. */

import type { Ec2Spec } from "@restart-coordinator/provisioner-specs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Ec2Provisioner } from "../../../src/provisioners/ec2/index.ts";
import type { Workspace } from "../../../src/provisioners/provisioner.ts";
import { testCycle } from "../test-cycle.ts";
import { startEcho } from "./ec2-harness.ts";
import { MemoryEc2 } from "./memory-ec2.ts";
import { Core, Died, Mortal } from "./mortal.ts";

const VOLUME = "vol-12345678";
const TEMPLATE = { launchTemplate: { id: "lt-12345678" }, userData: "{cycleId}" };
let echo: Awaited<ReturnType<typeof startEcho>>;
beforeAll(async () => {
  echo = await startEcho();
});
afterAll(() => echo.close());

const specs: Record<string, () => Ec2Spec> = {
  replace: () => TEMPLATE,
  recreate: () => ({ ...TEMPLATE, strategy: "recreate" }),
  "recreate with a volume": () => ({ ...TEMPLATE, volumes: [{ id: VOLUME, device: "/dev/sdf" }] }),
  "stop-start": () => ({ ...TEMPLATE, strategy: "stop-start" }),
  "replace-root": () => ({ ...TEMPLATE, strategy: "replace-root" }),
  reboot: () => ({ ...TEMPLATE, strategy: "reboot", readiness: { kind: "url", url: echo.url } }),
};

type Action = "restart" | "stop" | "remove";

class World {
  readonly ec2 = new MemoryEc2();
  readonly core = new Core();
  readonly spec: Ec2Spec;
  workspace: Workspace = { id: "w1", spec: {}, instance: undefined };

  constructor(spec: Ec2Spec) {
    this.spec = spec;
    for (const { id } of spec.volumes ?? []) this.ec2.volumes.set(id, undefined);
  }

  /** A workspace that runs. */
  static async running(spec: Ec2Spec): Promise<World> {
    const world = new World(spec);
    await world.attempt("c0", "restart");
    world.workspace = { ...world.workspace, instance: world.result };
    world.ec2.wasReady.add(world.result?.instanceId as string);
    return world;
  }

  result: Readonly<Record<string, unknown>> | undefined;

  /** Whether the worker lived to see the end. */
  async attempt(cycleId: string, action: Action, worker = new Mortal()): Promise<boolean> {
    const begun = this.core.begin(cycleId);
    const { signal } = worker;
    const record = worker.record(begun.record);
    const cycle = testCycle({ ...begun, action, workspace: this.workspace, signal, record });
    const timing = { pollMs: 0, retryMs: 0, retries: 3 };
    const api = worker.api(this.ec2);
    const provisioner = new Ec2Provisioner({ api, owner: "test", defaults: { ...this.spec }, timing });
    try {
      if (action !== "restart") await provisioner.stop(cycle);
      else this.result = (await provisioner.restart(cycle)).instance;
      return true;
    } catch (error) {
      if (error instanceof Died) return false;
      throw error;
    }
  }
}

async function pointsOf(prepare: () => Promise<World>, cycleId: string, action: Action): Promise<number> {
  const worker = new Mortal();
  expect(await (await prepare()).attempt(cycleId, action, worker)).toBe(true);
  return worker.points.length;
}

/** What follows a first death: the same cycle taken over, a new cycle after it was given up, a pause, a removal. */
const sequels: ReadonlyArray<[cycleId: string, action: Action]> = [
  ["c1", "restart"],
  ["c2", "restart"],
  ["s1", "stop"],
  ["s1", "remove"],
];

/** Every third pair, another third for each first death; all of them with CRASH_PAIRS=all. */
const STRIDE = process.env.CRASH_PAIRS === "all" ? 1 : 3;

function expectSound(world: World, name: string, action: Action, old: string, where: string): void {
  const { ec2, result, spec } = world;
  expect(ec2.wrongs, where).toEqual([]);
  expect(ec2.mostLive, where).toBeLessThanOrEqual(name === "replace" ? 2 : 1);
  const isStoppedOnly = action === "stop" && ["stop-start", "replace-root", "reboot"].includes(name);
  if (action !== "restart") {
    expect(ec2.live, where).toEqual(isStoppedOnly ? [old] : []);
    if (isStoppedOnly) expect(ec2.instances.get(old)?.state, where).toBe("stopped");
    return;
  }
  const id = result?.instanceId as string;
  expect(ec2.live, where).toEqual([id]);
  expect(ec2.instances.get(id)?.state, where).toBe("running");
  expect(world.core.journal, where).toMatchObject({ step: "DONE" });
  if (spec.volumes) expect(ec2.volumes.get(VOLUME), where).toBe(id);
}

describe.each(Object.keys(specs))("%s: two workers die, the third finishes", (name) => {
  it.each(sequels)("(sequel: %s, %s)", async (sequel, action) => {
    const spec = (specs[name] as () => Ec2Spec)();
    const first = await pointsOf(() => World.running(spec), "c1", "restart");
    expect(first).toBeGreaterThan(8);
    let pairs = 0;
    const dieTwice = async (dies: number, diesAgain: number): Promise<boolean> => {
      const world = await World.running(spec);
      const old = world.result?.instanceId as string;
      expect(await world.attempt("c1", "restart", new Mortal(dies))).toBe(false);
      const second = new Mortal(diesAgain);
      const lived = await world.attempt(sequel, action, second);
      if (!lived) await world.attempt(sequel, action);
      pairs++;
      expectSound(world, name, action, old, `died at ${dies}, then ${lived ? "not" : second.points.at(-1)}`);
      return !lived;
    };
    const all = Array.from({ length: first }, async (_, dies) => {
      for (let again = dies % STRIDE; await dieTwice(dies, again); again += STRIDE);
    });
    await Promise.all(all);
    expect(pairs).toBeGreaterThan(first);
  });
});

describe.each(Object.keys(specs).slice(0, 3))("%s: a worker that was paused before a call", (name) => {
  it.each(sequels)(
    "makes it after another has finished, and changes nothing (sequel: %s, %s)",
    async (sequel, action) => {
      const spec = (specs[name] as () => Ec2Spec)();
      let lateCalls = 0;
      for (let dies = 0; ; dies++) {
        const world = await World.running(spec);
        const old = world.result?.instanceId as string;
        const paused = new Mortal(dies);
        if (await world.attempt("c1", "restart", paused)) break;
        if (paused.late === undefined) continue;
        await world.attempt(sequel, action);
        lateCalls++;
        await paused.late().catch(() => {});
        expectSound(world, name, action, old, `late: ${paused.points.at(-1)}`);
      }
      expect(lateCalls).toBeGreaterThanOrEqual(2);
    },
  );
});
