import { isLive, stopInstance, tolerateWrongState } from "../instances.ts";
import type { Run } from "../run.ts";
import { gone, readyAgain, tagForCycle } from "./in-place.ts";

/** Stops the instance and starts it again, on other hardware as a rule. Resolves to its id. */
export async function stopStart(run: Run): Promise<string> {
  const id = run.journal.old as string;
  if (!run.hasReached("STARTING")) {
    if (!run.hasReached("STOPPING")) await tagForCycle(run);
    await run.record("STOPPING");
    await stopInstance(run, id);
    await start(run, id);
  }
  // Found stopped: the start was not made before the worker died, or a late stop of its came after it.
  return readyAgain(run, () => start(run, id));
}

async function start(run: Run, id: string): Promise<void> {
  const seen = await run.look(id);
  if (!isLive(seen)) throw gone(run, id);
  await run.record("STARTING", { since: run.journal.step === "STARTING" ? run.journal.since : Date.now() });
  await run.ask("StartInstances", id, (options) => tolerateWrongState(run.api.startInstance(id, options)));
}
