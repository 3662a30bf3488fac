import { discardFresh, launchUntilReady } from "../launching.ts";
import type { Run } from "../run.ts";
import { removeOld } from "./remove-old.ts";

/** Launches the new instance, and terminates the old one only once the new one is ready. Resolves to the new id. */
export async function replace(run: Run): Promise<string> {
  if (!run.hasReached("CUTOVER")) {
    const { id } = await launchUntilReady(run);
    await run.record("READY");
    try {
      run.cycle.safePoint();
    } catch (asked) {
      await discardFresh(run);
      throw asked;
    }
    // From here on the new one is the workspace's, whatever happens to this cycle.
    await run.record("CUTOVER", { fresh: id });
  }
  if (!run.hasReached("OLD_GONE")) await removeOld(run, { fully: false });
  return run.journal.fresh as string;
}
