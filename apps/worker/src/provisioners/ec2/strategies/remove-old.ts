import { isLive, terminate } from "../instances.ts";
import type { Run } from "../run.ts";
import { releaseVolumes } from "../volumes.ts";

/**
 * Terminates the instance that was the workspace's, its data volumes detached first. `fully`: waits until EC2 has let go
 * of what it held; otherwise until it cannot come back.
 */
export async function removeOld(run: Run, { fully }: { readonly fully: boolean }): Promise<void> {
  const { old } = run.journal;
  if (old !== undefined) {
    if (isLive(await run.look(old))) await releaseVolumes(run, old);
    await run.record("TERMINATING");
    await terminate(run, old, { fully });
  }
  await run.record("OLD_GONE");
}
