/**
 * Worker processes that are killed at every journal entry and after every call of every strategy, against EC2 as it behaves:
 * client tokens, states that take their time, new instances not to be seen at first. Moto itself is asked what is left.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type { Ec2Spec } from "@restart-coordinator/provisioner-specs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { program } from "../../../../../tests/setup/programs.ts";
import { type Journal, ProvisionerError } from "../../../src/provisioners/provisioner.ts";
import { type Ec2Proxy, startEc2Proxy } from "../ec2-proxy/proxy.ts";
import type { DoomedEc2Worker, DoomedLine } from "./doomed-ec2-worker.ts";
import { Ec2Harness, startEcho } from "./ec2-harness.ts";
import { Mortal } from "./mortal.ts";
import { describeOn, motoForTests } from "./moto.ts";
import { AWS_ENVIRONMENT } from "./test-settings.ts";

/** Many processes, on a machine that may be busy with other tests. */
const SLOW_MS = 180_000;
/** At a time, each with a workspace of its own. */
const WORKERS = 4;
const moto = await motoForTests();
let proxy: Ec2Proxy;
/** Through the proxy, and past it. */
let harness: Ec2Harness;
let echo: Awaited<ReturnType<typeof startEcho>>;

beforeAll(async () => {
  if (moto === undefined) return;
  [proxy, echo] = await Promise.all([startEc2Proxy({ moto: moto.endpoint }), startEcho()]);
  harness = await Ec2Harness.create(moto.endpoint, proxy.url);
  proxy.faults.set({ hiddenDescribes: 1, pendingMs: 20, stoppingMs: 20, shuttingDownMs: 20, replaceRootMs: 20 });
}, SLOW_MS);
afterAll(async () => {
  harness?.close();
  echo?.close();
  await proxy?.stop();
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
type Launched = Awaited<ReturnType<Ec2Harness["launched"]>>;

/** Where it died, and what it left in the journal. */
async function killed(old: Launched, spec: Ec2Spec, diesAt: number): Promise<{ at: string; journal?: Journal }> {
  const argument = JSON.stringify({
    ...{ endpoint: proxy.url, workspace: old, defaults: { ...harness.spec, ...spec }, cycleId: `${old.id}-c1` },
    ...{ fencingToken: 2, diesAt },
  } satisfies DoomedEc2Worker);
  const worker = program("apps/worker/test/provisioners/ec2/doomed-ec2-worker.ts");
  const child = spawn(process.execPath, [worker, argument], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH, NODE_NO_WARNINGS: "1", ...AWS_ENVIRONMENT },
  });
  const [output] = await Promise.all([text(child.stdout), once(child, "exit")]);
  const lines = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as DoomedLine);
  const points = lines.flatMap((line) => ("point" in line ? [line.point] : []));
  const journals = lines.flatMap((line) => ("journal" in line ? [line.journal] : []));
  const at = points.at(-1) as string;
  expect({ at, died: points.length, by: child.signalCode }).toEqual({ at, died: diesAt + 1, by: "SIGKILL" });
  const journal = journals.at(-1);
  return journal === undefined ? { at } : { at, journal };
}

const MOST_ATTEMPTS = 5;

/** As the core goes on: from the journal, and again after an error that may pass. */
async function takenOver(old: Launched, spec: Ec2Spec, left: Journal | undefined) {
  let journal = left;
  for (let attempt = 2; ; attempt++) {
    const cycle = harness.cycle(old, `${old.id}-c1`, attempt + 1, { attempt, journal });
    try {
      const { instance } = await harness.provisioner(spec, { api: harness.throughProxy }).restart(cycle);
      return { instance, journal: cycle.journals.at(-1) as Journal };
    } catch (error) {
      if (!(error instanceof ProvisionerError) || !error.retryable || attempt > MOST_ATTEMPTS) throw error;
      journal = cycle.journals.at(-1) ?? journal;
    }
  }
}

async function pointsOf(name: string): Promise<number[]> {
  const spec = await (specs[name] as () => Promise<Ec2Spec>)();
  const old = await harness.launched(spec);
  const mortal = new Mortal();
  const cycle = harness.cycle(old, `${old.id}-c1`, 2);
  const api = mortal.api(harness.throughProxy);
  await harness.provisioner(spec, { api }).restart({ ...cycle, record: mortal.record(cycle.record) });
  // Right before the next thing, all is as it was right after the one before.
  return mortal.points.flatMap((point, n) => (point.startsWith("after") ? [n] : []));
}

async function dieAt(name: string, diesAt: number, faults: () => void): Promise<string> {
  const spec = await (specs[name] as () => Promise<Ec2Spec>)();
  const old = await harness.launched(spec);
  const { at, journal: left } = await killed(old, spec, diesAt);
  faults();
  const { instance, journal } = await takenOver(old, spec, left);
  const where = `${name}: died ${at}`;
  expect(await harness.live(old.id), where).toEqual([instance.instanceId]);
  expect(instance.instanceId === old.instance.instanceId, where).toBe(KEEPS.includes(name));
  const journalled = journal[KEEPS.includes(name) ? "old" : "fresh"];
  expect({ step: journal.step, journalled }, where).toEqual({ step: "DONE", journalled: instance.instanceId });
  // The old one and the new one: none was launched twice.
  expect(await harness.instances(old.id), where).toHaveLength(KEEPS.includes(name) ? 1 : 2);
  return at;
}

async function dieEverywhere(name: string): Promise<string[]> {
  const left = await pointsOf(name);
  const died: string[] = [];
  const lanes = Array.from({ length: WORKERS }, async () => {
    for (let n = left.shift(); n !== undefined; n = left.shift()) died.push(await dieAt(name, n, () => {}));
  });
  await Promise.all(lanes);
  return died;
}

describeOn(moto)("a worker that is killed", () => {
  it.each([
    ["replace", "PLANNED LAUNCHING LAUNCHED READY CUTOVER TERMINATING OLD_GONE DONE"],
    ["recreate", "PLANNED STOPPING DETACHING TERMINATING OLD_GONE LAUNCHING LAUNCHED ATTACHING READY CUTOVER DONE"],
    ["stop-start", "PLANNED TAGGING STOPPING STARTING READY DONE"],
    ["replace-root", "PLANNED TAGGING REPLACING_ROOT ROOT_TASK READY DONE"],
    ["reboot", "PLANNED TAGGING REBOOTING READY DONE"],
  ])(
    "at any step of %s is followed by one that leaves one live instance, the journalled one",
    async (name, steps) => {
      const died = await dieEverywhere(name);
      expect(died).toEqual(expect.arrayContaining(steps.split(" ").map((step) => `after record ${step}`)));
      expect(died.filter((at) => !at.includes("record")).length).toBeGreaterThanOrEqual(2);
    },
    SLOW_MS,
  );

  it(
    "amid its launch is followed by one whose answers get lost, and still nothing is launched twice",
    async () => {
      const LAUNCHING = 3;
      const at = await dieAt("replace", LAUNCHING, () => {
        proxy.faults.next("RunInstances", { kind: "lost-response" }, { count: 2 });
        proxy.faults.next("TerminateInstances", { kind: "lost-response" });
      });
      expect(at).toBe("after record LAUNCHING");
      const outcomes = proxy.calls.map(({ action, outcome }) => `${action} ${outcome}`);
      expect(outcomes).toContain("RunInstances lost-response");
      expect(outcomes).toContain("TerminateInstances lost-response");
    },
    SLOW_MS,
  );
});
