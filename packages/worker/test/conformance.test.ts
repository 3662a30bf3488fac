import { describe, expect, test } from "vitest";
import { DEMANDS, testProvisioner } from "../src/conformance/index.ts";
import type { Cycle, Provisioner, RestartResult } from "../src/index.ts";
import { KettleProvisioner, Kitchen } from "./kettles.ts";

const kitchen = new Kitchen();
testProvisioner(() => new KettleProvisioner(kitchen), kitchen);

/** Wrong in one way each, with the demand that finds it. */
const WRONG: Readonly<Record<string, { readonly breaks: string; readonly by: (kitchen: Kitchen) => Provisioner }>> = {
  "acts before it has announced it": {
    breaks: "makes no side effect whose journal entry was refused",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override async restart(cycle: Cycle): Promise<RestartResult> {
          this.kitchen.take(({ workspaceId }) => workspaceId === cycle.workspace.id);
          return super.restart(cycle);
        }
      })(kitchen),
  },
  "writes no journal": {
    breaks: "resumes a restart that was killed at any journal entry",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override restart(cycle: Cycle): Promise<RestartResult> {
          return super.restart(Object.assign(Object.create(cycle), { record: async () => {} }));
        }
      })(kitchen),
  },
  "leaves the old one on": {
    breaks: "starts what does not run, and replaces what runs by one fresh start",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override async restart(cycle: Cycle): Promise<RestartResult> {
          await cycle.record({ step: "PUTTING_ON" });
          return { instance: { kettle: this.kitchen.put(cycle.workspace.id, cycle.id) } };
        }
      })(kitchen),
  },
  "trusts the journal instead of looking": {
    breaks: "resumes a restart that was killed at any journal entry",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override async restart(cycle: Cycle): Promise<RestartResult> {
          // Announced is not done: the dead worker may never have come to it.
          if (cycle.journal?.step === "PUTTING_ON") return { instance: {} };
          return super.restart(cycle);
        }
      })(kitchen),
  },
  "puts on another one when it resumes": {
    breaks: "can be killed after its last side effect, and carried out again",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override async restart(cycle: Cycle): Promise<RestartResult> {
          if (cycle.journal?.step !== "PUTTING_ON") return super.restart(cycle);
          await cycle.record({ step: "PUTTING_ON" });
          return { instance: { kettle: this.kitchen.put(cycle.workspace.id, cycle.id) } };
        }
      })(kitchen),
  },
  "goes on after its lease was taken away": {
    breaks: "ends when its lease is taken away at any journal entry",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override restart(cycle: Cycle): Promise<RestartResult> {
          const record = (entry: { step: string }) => cycle.record(entry).catch(() => {});
          return super.restart(Object.assign(Object.create(cycle), { record }));
        }
      })(kitchen),
  },
  "takes what the journal says for true": {
    breaks: "is not led astray by a journal that makes no sense",
    by: (kitchen) =>
      new (class extends KettleProvisioner {
        override async restart(cycle: Cycle): Promise<RestartResult> {
          const result = await super.restart(cycle);
          if (cycle.journal?.step === "no such step") this.kitchen.put(cycle.workspace.id, cycle.id);
          return result;
        }
      })(kitchen),
  },
};

describe("the kit finds a provisioner that", () => {
  test.each(Object.entries(WRONG))("%s", async (_, { breaks, by }) => {
    const kitchen = new Kitchen();
    const demand = DEMANDS[breaks];
    await expect(demand?.(() => by(kitchen), kitchen)).rejects.toMatchObject({ name: "AssertionError" });
  });
});
