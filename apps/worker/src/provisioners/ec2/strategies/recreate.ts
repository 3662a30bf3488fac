import { launchUntilReady } from "../launching.ts";
import type { Run } from "../run.ts";
import { removeOld } from "./remove-old.ts";

/** Terminates the old instance, then launches the new one with the data volumes. Resolves to the new id. */
export async function recreate(run: Run): Promise<string> {
  if (!run.hasReached("OLD_GONE")) await removeOld(run, { fully: true });
  if (!run.hasReached("CUTOVER")) {
    await launchUntilReady(run);
    await run.record("READY");
    await run.record("CUTOVER");
  }
  return run.journal.fresh as string;
}
