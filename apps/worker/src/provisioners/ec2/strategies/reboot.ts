import { isLive } from "../instances.ts";
import { isReady } from "../readiness.ts";
import type { Run } from "../run.ts";
import { gone, readyAgain, tagForCycle } from "./in-place.ts";

/** Reboots the operating system. Resolves to the instance's id. */
export async function reboot(run: Run): Promise<string> {
  if (!run.hasReached("REBOOTING")) {
    await tagForCycle(run);
    await rebootOnce(run, Date.now());
  } else if (run.journal.step === "REBOOTING" && !(await hasRebooted(run))) {
    await rebootOnce(run, run.journal.since);
  }
  return readyAgain(run);
}

async function rebootOnce(run: Run, since: number | undefined): Promise<void> {
  const id = run.journal.old as string;
  await run.record("REBOOTING", { since });
  await run.ask("RebootInstances", id, (options) => run.api.rebootInstance(id, options));
}

/** Only a start after this cycle began can echo its id: then the call of the worker that died has been made. */
async function hasRebooted(run: Run): Promise<boolean> {
  const id = run.journal.old as string;
  const seen = await run.look(id);
  if (!isLive(seen)) throw gone(run, id);
  const names = { workspaceId: run.workspaceId, cycleId: run.cycle.id };
  return (await isReady(run.api, run.spec.readiness, seen, names, { signal: run.signal })).ready;
}
