/** The provisioners that come with the worker, under the kit that others test theirs with. */
import { setMaxListeners } from "node:events";
import { DEMANDS, testProvisioner } from "@restart-coordinator/worker/conformance";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Ec2Provisioner } from "../../src/provisioners/ec2/index.ts";
import { MemoryLedger, SimulatedProvisioner } from "../../src/provisioners/simulated.ts";
import { MemoryEc2 } from "./ec2/memory-ec2.ts";
import { Harness } from "./process-harness.ts";

setMaxListeners(0);
let workspaces = 0;
const workspace = () => ({ id: `w${++workspaces}`, spec: {}, instance: undefined });

describe("simulated", () => {
  const ledger = new MemoryLedger();
  testProvisioner(() => new SimulatedProvisioner({ ledger, durationMs: 0 }), {
    workspace,
    async running({ id }) {
      const effects = (await ledger.entries()).filter((entry) => entry.workspaceId === id);
      const last = effects.at(-1);
      if (last === undefined || last.effect === "stop") return [];
      // While it restarts, what ran before is what runs.
      const ended = effects.filter(({ effect }) => effect === "end").at(-1);
      return ended === undefined ? [] : [`${ended.cycleId} at ${ended.fencingToken}`];
    },
  });
});

describe("ec2, replacing instances", () => {
  const worlds = new Map<string, MemoryEc2>();
  let current = new MemoryEc2();
  const timing = { pollMs: 0, retryMs: 0, retries: 3 };
  const defaults = { launchTemplate: { id: "lt-12345678" } };
  testProvisioner(() => new Ec2Provisioner({ api: current, owner: "test", defaults, timing }), {
    workspace() {
      const made = workspace();
      current = new MemoryEc2();
      worlds.set(made.id, current);
      return made;
    },
    running: ({ id }) => worlds.get(id)?.live ?? [],
  });
});

/** A process takes a while to start, and there would be hundreds: `CONFORMANCE=all` makes every demand of them. */
const CHEAP = [
  "starts what does not run, and replaces what runs by one fresh start",
  "sees what is there, and touches nothing when it only looks",
  "makes no side effect whose journal entry was refused",
  "can be killed after its last side effect, and carried out again",
];

describe("process", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await Harness.create();
  });
  afterAll(() => harness.close());
  const demands = Object.entries(DEMANDS).filter(([name]) => process.env.CONFORMANCE === "all" || CHEAP.includes(name));
  test.each(demands)("%s", { timeout: 120_000 }, (_, demand) =>
    demand(() => harness.provisioner({ command: ["sleep", "3600"] }), {
      workspace,
      running: async ({ id }) => (await harness.live(id)).map(String),
    }),
  );
});
