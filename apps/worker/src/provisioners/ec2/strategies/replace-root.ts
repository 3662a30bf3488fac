import { ProvisionerError } from "../../provisioner.ts";
import { clientToken } from "../client-token.ts";
import { isLive, tolerateWrongState } from "../instances.ts";
import type { Run } from "../run.ts";
import { gone, readyAgain, tagForCycle } from "./in-place.ts";

/** Puts a fresh root volume under the running instance. Resolves to its id. */
export async function replaceRoot(run: Run): Promise<string> {
  if (!run.hasReached("ROOT_TASK")) await createTask(run);
  await awaitTask(run, run.journal.rootTaskId as string);
  return readyAgain(run);
}

async function createTask(run: Run): Promise<void> {
  const instanceId = run.journal.old as string;
  const isRepeated = run.journal.step === "REPLACING_ROOT";
  if (!isRepeated) {
    await tagForCycle(run);
    await ensureRunning(run, instanceId);
  }
  const attempt = run.journal.rootReplacements + (isRepeated ? 0 : 1);
  const token = clientToken({ ...run.identity, cycleId: run.cycle.id, attempt, call: "replace-root" });
  await run.record("REPLACING_ROOT", { rootReplacements: attempt });
  const { imageId } = run.spec;
  const rootTaskId = await run.ask("CreateReplaceRootVolumeTask", instanceId, (options) =>
    run.api.createReplaceRootVolumeTask({ instanceId, clientToken: token, imageId }, options),
  );
  await run.record("ROOT_TASK", { rootTaskId, since: Date.now() });
}

/** EC2 replaces the root volume of a running instance only. */
async function ensureRunning(run: Run, id: string): Promise<void> {
  await run.until({ what: `instance ${id} running`, withinMs: run.spec.deadlines.readyMs }, async () => {
    const seen = await run.look(id);
    if (!isLive(seen)) throw gone(run, id);
    if (seen.state === "running") return { value: undefined };
    if (seen.state === "stopped") {
      await run.record("STARTING");
      await run.ask("StartInstances", id, (options) => tolerateWrongState(run.api.startInstance(id, options)));
    }
    return { not: `it is ${seen.state}` };
  });
}

async function awaitTask(run: Run, taskId: string): Promise<void> {
  const { since, old } = run.journal;
  const awaited = {
    what: `root volume of ${old} replaced`,
    withinMs: run.spec.deadlines.readyMs,
    ...(since !== undefined && { since }),
  };
  const state = await run.until(awaited, async () => {
    const seen = await run.ask("DescribeReplaceRootVolumeTasks", taskId, (options) =>
      run.api.describeReplaceRootTask(taskId, options),
    );
    return seen === "succeeded" || seen === "failed" || seen === "failed-detached"
      ? { value: seen }
      : { not: `it is ${seen}` };
  });
  if (state === "succeeded") return;
  const about = `workspace ${run.workspaceId}: replacing the root volume of ${old} ended as ${state}`;
  await run.record("PLANNED", { rootTaskId: undefined, since: undefined });
  throw state === "failed"
    ? new ProvisionerError(`${about}; the old root volume is still there`, { retryable: true })
    : new ProvisionerError(`${about}: it has no root volume. What to do: restart it with the strategy replace`, {
        retryable: false,
        alert: true,
      });
}
