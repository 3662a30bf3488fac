/** What every provisioner must do, and what it must never do; each demand by itself, against a real world. */
import assert from "node:assert/strict";
import type { Journal } from "../provisioner.ts";
import { Attempt, type Fate } from "./attempt.ts";
import type { Judge, MakeIt } from "./judge.ts";
import { World } from "./world.ts";

/** A demand is kept when it resolves. @throws AssertionError saying what was found instead */
export type Demand = (makeIt: MakeIt, judge: Judge) => Promise<void>;

/** Every demand by its name, which is a sentence about a provisioner. */
export const DEMANDS: Readonly<Record<string, Demand>> = {
  "starts what does not run, and replaces what runs by one fresh start": async (makeIt, judge) => {
    const world = await World.running(makeIt, judge);
    await world.restarted();
  },

  "stops what runs, and finds it a success that nothing runs": async (makeIt, judge) => {
    const world = await World.running(makeIt, judge);
    for (const action of ["stop", "stop", "remove"] as const) {
      await world.carryOut(world.attempt({ action }));
      assert.deepEqual(await world.running(), [], `expected nothing to run after a ${action}`);
    }
  },

  "sees what is there, and touches nothing when it only looks": async (makeIt, judge) => {
    const world = await World.running(makeIt, judge);
    const before = await world.running();
    const provisioner = await world.make();
    const { seen } = await provisioner.status(world.workspace);
    assert.notEqual(seen, "offline", "expected status to see what runs");
    const answer = await provisioner.preflight(world.attempt());
    assert.equal(typeof answer.ok, "boolean", "expected preflight to resolve to { ok }");
    assert.deepEqual(await world.running(), before, "expected status and preflight to touch nothing");
    await world.carryOut(world.attempt({ action: "stop" }));
    const after = await provisioner.status(world.workspace);
    assert.notEqual(after.seen, "online", "expected status to see that nothing runs");
  },

  "makes no side effect whose journal entry was refused": async (makeIt, judge) => {
    for (const action of ["restart", "stop"] as const) {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ action, fate: { entry: 1, what: "loses" } });
      await assert.rejects(world.carryOut(attempt), `expected the ${action} to reject: its first entry was refused`);
      assert.deepEqual(await world.running(), before, `expected a ${action} to touch nothing before its first entry`);
    }
  },

  "resumes a restart that was killed at any journal entry": (makeIt, judge) =>
    atEveryEntry(["dies before", "dies after"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ fate });
      await world.carryOut(attempt);
      if (attempt.isMet) await world.restarted(world.takeover(attempt), before);
      return attempt.isMet;
    }),

  "resumes a stop that was killed at any journal entry": (makeIt, judge) =>
    atEveryEntry(["dies before", "dies after"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const attempt = world.attempt({ action: "stop", fate });
      await world.carryOut(attempt);
      if (!attempt.isMet) return false;
      await world.carryOut(world.takeover(attempt));
      assert.deepEqual(await world.running(), [], `expected nothing to run after a stop that ${described(fate)}`);
      return true;
    }),

  "can be killed after its last side effect, and carried out again": async (makeIt, judge) => {
    const world = await World.running(makeIt, judge);
    const before = await world.running();
    const attempt = world.attempt();
    const { instance } = world.workspace;
    await world.carryOut(attempt);
    // The end was never written: the record is what it was.
    world.workspace = { ...world.workspace, instance };
    await world.restarted(world.takeover(attempt), before);
  },

  "cleans up behind a cycle that was given up at any journal entry": (makeIt, judge) =>
    atEveryEntry(["dies before", "dies after"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ fate });
      await world.carryOut(attempt);
      world.giveUp(attempt);
      if (attempt.isMet) await world.restarted(world.attempt(), before);
      return attempt.isMet;
    }),

  "ends when its lease is taken away at any journal entry": (makeIt, judge) =>
    atEveryEntry(["loses"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ fate });
      const isRefused = await world.carryOut(attempt).then(
        () => false,
        () => true,
      );
      if (!attempt.isMet) return false;
      assert.ok(isRefused, `expected a restart to reject when an entry is refused, it resolved (${described(fate)})`);
      await world.restarted(world.takeover(attempt), before);
      return true;
    }),

  "harms nothing when it wakes after another worker took over": (makeIt, judge) =>
    atEveryEntry(["dies before"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ fate });
      const provisioner = await world.make();
      const settled = provisioner.restart(attempt).catch((error: unknown) => ({ error }));
      await attempt.run(() => settled);
      if (!attempt.isMet) return false;
      await world.restarted(world.takeover(attempt), before);
      const running = await world.running();
      attempt.thaw();
      assert.ok("error" in (await settled), `expected a restart to reject when it wakes too late (${described(fate)})`);
      assert.deepEqual(await world.running(), running, `expected one that wakes too late to touch nothing more`);
      return true;
    }),

  "settles soon after it is told to stop, and can be resumed": (makeIt, judge) =>
    atEveryEntry(["is told"], async (fate) => {
      const world = await World.running(makeIt, judge);
      const before = await world.running();
      const attempt = world.attempt({ fate });
      await world.carryOut(attempt).catch(ifNoAssertion);
      if (attempt.isMet) await world.restarted(world.takeover(attempt), before);
      return attempt.isMet;
    }),

  "is not led astray by a journal that makes no sense": async (makeIt, judge) => {
    for (const journal of NONSENSE) {
      const world = await World.running(makeIt, judge);
      const resumed = world.takeover(world.attempt(), journal);
      await world.carryOut(resumed).catch(ifNoAssertion);
      const left = await world.running();
      assert.ok(left.length <= 1, `expected one instance at most after the journal ${JSON.stringify(journal)}`);
      world.giveUp(resumed);
      await world.restarted();
    }
  },

  "is not led astray by a record of what runs that makes no sense": async (makeIt, judge) => {
    for (const instance of NONSENSE) {
      const world = await World.empty(makeIt, judge);
      world.workspace = { ...world.workspace, instance };
      await world.carryOut(world.attempt()).catch(ifNoAssertion);
      const left = await world.running();
      assert.ok(left.length <= 1, `expected one instance at most after the record ${JSON.stringify(instance)}`);
    }
  },

  "touches nothing for a spec that it cannot use, and says that trying again does not help": async (makeIt, judge) => {
    const world = await World.running(makeIt, judge);
    const before = await world.running();
    const workspace = { ...world.workspace, spec: { "no such option": { of: ["any", 1] } } };
    const attempt = new Attempt({ workspace, id: "cycle-of-nonsense", fencingToken: 1_000 });
    const provisioner = await world.make();
    const error = await refusalOf(async () => {
      const answer = await provisioner.preflight(attempt);
      if (!answer.ok) return answer.reason;
      await provisioner.restart(attempt);
      return undefined;
    });
    if (error === undefined) return;
    assert.deepEqual(await world.running(), before, "expected nothing to be touched for a spec that cannot be used");
    if (typeof error === "string") return;
    assert.equal((error as { retryable?: unknown }).retryable, false, `expected retryable to be false: ${error}`);
  },
};

/** Journals and records as no provisioner wrote them. */
const NONSENSE: readonly Journal[] = [
  { step: "no such step" },
  { step: "" },
  { step: "STARTING", pid: "many", instanceId: 7, token: -1, endsAt: "soon" },
];

/** Meets one fate after another until the work ends before its entry comes. */
async function atEveryEntry(fates: readonly Fate["what"][], meet: (fate: Fate) => Promise<boolean>): Promise<void> {
  for (const what of fates) {
    for (let entry = 1; ; entry += 1) {
      let isMet: boolean;
      try {
        isMet = await meet({ entry, what });
      } catch (error) {
        (error as Error).message = `a worker that ${described({ entry, what })}: ${(error as Error).message}`;
        throw error;
      }
      if (isMet) continue;
      assert.ok(entry > 1, "expected a journal entry before the first side effect");
      break;
    }
  }
}

function described({ entry, what }: Fate): string {
  return `${what} its journal entry ${entry}`
    .replace("is told its", "is told to stop at its")
    .replace("loses its", "loses its lease at its");
}

/** A failure of the provisioner may be; one of its demands may not. */
function ifNoAssertion(error: unknown): void {
  if (error instanceof assert.AssertionError) throw error;
}

/** Why it would not, or undefined when it did. */
async function refusalOf(ask: () => Promise<string | undefined>): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    return error;
  }
}
