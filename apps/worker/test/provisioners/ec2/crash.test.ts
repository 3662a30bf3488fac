/** One death at every point of every strategy, against moto; and workers that are really killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Ec2Spec } from "@restart-coordinator/provisioner-specs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Journal } from "../../../src/provisioners/provisioner.ts";
import type { DoomedEc2Worker } from "./doomed-ec2-worker.ts";
import { AWS_ENVIRONMENT, Ec2Harness, startEcho } from "./ec2-harness.ts";
import { Core, Died, Mortal } from "./mortal.ts";
import { motoForTests } from "./moto.ts";

/** Many calls and many processes, on a machine that may be busy with other tests. */
const SLOW_MS = 180_000;
const moto = await motoForTests();
let harness: Ec2Harness;
let echo: Awaited<ReturnType<typeof startEcho>>;

beforeAll(async () => {
  if (moto === undefined) return;
  [harness, echo] = await Promise.all([Ec2Harness.create(moto.endpoint), startEcho()]);
}, SLOW_MS);
afterAll(async () => {
  harness?.close();
  echo?.close();
  await moto?.stop();
});

const specs: Record<string, () => Promise<Ec2Spec>> = {
  replace: async () => ({ strategy: "replace", userData: "{cycleId}" }),
  recreate: async () => ({ volumes: [{ id: await harness.volume(), device: "/dev/sdf" }] }),
  "stop-start": async () => ({ strategy: "stop-start" }),
  "replace-root": async () => ({ strategy: "replace-root" }),
  reboot: async () => ({ strategy: "reboot", readiness: { kind: "url", url: echo.url } }),
};
const KEEPS: readonly string[] = ["stop-start", "replace-root", "reboot"];

async function runs(cycle: Promise<unknown>): Promise<boolean> {
  try {
    await cycle;
    return true;
  } catch (error) {
    if (error instanceof Died) return false;
    throw error;
  }
}

describe.skipIf(moto === undefined)("a worker that dies after any call or journal entry", () => {
  it.each(Object.keys(specs))(
    "(%s) is followed by one that leaves one live instance, the journalled one",
    async (name) => {
      const dieAt = async (n: number): Promise<boolean> => {
        const spec = await (specs[name] as () => Promise<Ec2Spec>)();
        const old = await harness.launched(spec);
        const core = new Core();
        const cycleId = `${old.id}-c1`;
        const worker = new Mortal(n);
        const begun = core.begin(cycleId);
        const doomed = harness.cycle(old, cycleId, 2, {
          ...begun,
          signal: worker.signal,
          record: worker.record(begun.record),
        });
        const lived = await runs(harness.provisioner(spec, { api: worker.api(harness.api) }).restart(doomed));
        if (lived) return false;
        const next = harness.cycle(old, cycleId, 3, core.begin(cycleId));
        const { instance } = await harness.provisioner(spec).restart(next);
        const where = `died ${worker.points.at(-1)}`;
        expect(await harness.live(old.id), where).toEqual([instance.instanceId]);
        expect(instance.instanceId === old.instance.instanceId, where).toBe(KEEPS.includes(name));
        const journalled = core.journal?.[KEEPS.includes(name) ? "old" : "fresh"];
        expect(journalled, where).toBe(instance.instanceId);
        expect(await harness.provisioner(spec).status({ ...old, instance }), where).toBe("online");
        return true;
      };
      // Only the points after something: right before the next thing, all is as it was then. Several at a time, each
      // with a workspace of its own.
      let points = 0;
      const lanes = [1, 3, 5, 7].map(async (lane) => {
        for (let n = lane; await dieAt(n); n += 8) points++;
      });
      await Promise.all(lanes);
      expect(points).toBeGreaterThanOrEqual(7);
    },
    SLOW_MS,
  );
});

describe.skipIf(moto === undefined)("a worker process that is killed", () => {
  const worker = fileURLToPath(new URL("doomed-ec2-worker.ts", import.meta.url));

  async function killed(options: Omit<DoomedEc2Worker, "endpoint">): Promise<Journal | undefined> {
    const argument = JSON.stringify({ endpoint: harness.endpoint, ...options } satisfies DoomedEc2Worker);
    const child = spawn(
      process.execPath,
      ["--conditions=@restart-coordinator/source", "--import", "tsx", worker, argument],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { PATH: process.env.PATH, NODE_NO_WARNINGS: "1", ...AWS_ENVIRONMENT },
      },
    );
    const [output] = await Promise.all([text(child.stdout), once(child, "exit")]);
    expect(child.signalCode).toBe("SIGKILL");
    const last = output.trim().split("\n").at(-1);
    return last === undefined || last === "" ? undefined : (JSON.parse(last) as Journal);
  }

  it.each([
    ["replace", "after runInstances"],
    ["replace", "after terminateInstances"],
    ["recreate", "after terminateInstances"],
    ["recreate", "after runInstances"],
  ] as const)(
    "(%s, %s) is followed by one that leaves one live instance",
    async (strategy, at) => {
      const spec: Ec2Spec = { ...harness.spec, strategy };
      const old = await harness.launched(spec);
      const cycleId = `${old.id}-c1`;
      const journal = await killed({ workspace: old, defaults: spec, cycleId, fencingToken: 2, at });
      const next = harness.cycle(old, cycleId, 3, { attempt: 2, journal });
      const { instance } = await harness.provisioner(spec).restart(next);
      expect(await harness.live(old.id)).toEqual([instance.instanceId]);
      expect(next.journals.at(-1)).toMatchObject({ step: "DONE", fresh: instance.instanceId });
      // The old one and the new one: none was launched twice.
      expect(await harness.instances(old.id)).toHaveLength(2);
    },
    SLOW_MS,
  );
});
