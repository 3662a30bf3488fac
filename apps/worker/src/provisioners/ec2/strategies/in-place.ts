/** What the strategies that keep the instance share. */
import { ProvisionerError } from "../../provisioner.ts";
import { assertOurs, isLive } from "../instances.ts";
import { awaitReady, NotReadyError } from "../readiness.ts";
import type { Run } from "../run.ts";
import { cycleTags } from "../tags.ts";

/** Gives the instance the cycle's tags: an instance that reads its own learns the new cycle id. */
export async function tagForCycle(run: Run): Promise<string> {
  const id = run.journal.old as string;
  const seen = await run.look(id);
  if (!isLive(seen)) throw gone(run, id);
  assertOurs(seen, run.identity);
  await run.record("TAGGING");
  await run.ask("CreateTags", id, (options) => run.api.createTags([id], cycleTags(run.cycle), options));
  return id;
}

/** Resolves to the id once it is ready. If it does not become so, the next attempt starts anew. @throws ProvisionerError */
export async function readyAgain(run: Run, onStopped?: () => Promise<void>): Promise<string> {
  const id = run.journal.old as string;
  try {
    await awaitReady(run, id, run.journal.since ?? Date.now(), onStopped);
  } catch (error) {
    if (error instanceof NotReadyError) await run.record("PLANNED", { since: undefined });
    throw error;
  }
  await run.record("READY");
  return id;
}

export function gone(run: Run, id: string): ProvisionerError {
  const message = `workspace ${run.workspaceId}: instance ${id} was terminated while it was being restarted`;
  return new ProvisionerError(`${message}. The next attempt launches another one`, { retryable: true });
}
