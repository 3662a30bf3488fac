/** Which instance is the workspace's, and how one is taken away. */
import type { Workspace } from "../provisioner.ts";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, Ec2Api, Instance, InstanceState } from "./api.ts";
import { meaningOf } from "./errors.ts";
import type { Ec2Journal } from "./journal.ts";
import type { Run } from "./run.ts";
import { type Identity, identityTags, isOurs, TAG } from "./tags.ts";

/** Costs money, or can again. */
export const LIVE: readonly InstanceState[] = ["pending", "running", "stopping", "stopped"];

export function isLive(instance: Instance | undefined): instance is Instance {
  return instance !== undefined && LIVE.includes(instance.state);
}

export function recordedId(workspace: Workspace): string | undefined {
  const id = workspace.instance?.instanceId;
  return typeof id === "string" ? id : undefined;
}

/** What the records say of a workspace's instances. */
export interface Known {
  /** May be the workspace's, the likeliest first. */
  readonly recorded: readonly (string | undefined)[];
  /** Is being taken away: ids, and client tokens of launches. */
  readonly excluded?: readonly string[];
}

export function knownBy(journal: Ec2Journal, workspace: Workspace): Known {
  return {
    recorded: [journal.old, recordedId(workspace)],
    excluded: [...journal.discard.map(({ id }) => id), ...journal.inDoubt.map(({ clientToken }) => clientToken)],
  };
}

/**
 * The workspace's live instance: the first recorded one that lives, or else the one that carries our tags.
 * @throws ProvisionerError (permanent) when the recorded one does not carry our tags, or several unrecorded ones do
 */
export async function findCurrent(
  api: Ec2Api,
  identity: Identity,
  known: Known,
  options?: CallOptions,
): Promise<Instance | undefined> {
  const { excluded = [] } = known;
  const ids = known.recorded.filter((id): id is string => id !== undefined && !excluded.includes(id));
  if (ids.length > 0) {
    const found = await api.describeInstances(ids, options);
    const live = ids.map((id) => found.get(id)).find(isLive);
    if (live !== undefined) {
      assertOurs(live, identity);
      return live;
    }
  }
  const tagged = await api.findInstances({ tags: identityTags(identity), states: LIVE }, options);
  const candidates = tagged.filter(
    (instance) =>
      isLive(instance) && !excluded.includes(instance.id) && !excluded.includes(instance.clientToken ?? instance.id),
  );
  if (candidates.length > 1) {
    const list = candidates.map(({ id }) => id).sort();
    throw new ProvisionerError(
      `workspace ${identity.workspaceId}: no recorded instance lives, and several carry its tags: ${list.join(", ")}. ` +
        `What to do: terminate all but one, or take the tag ${TAG.workspace} from the others`,
      { retryable: false, alert: true },
    );
  }
  return candidates[0];
}

/** @throws ProvisionerError (permanent): it is somebody else's, whatever is recorded */
export function assertOurs(instance: Instance, identity: Identity): void {
  if (isOurs(instance, identity)) return;
  const tags = Object.entries(identityTags(identity)).map(([key, value]) => `${key}=${value}`);
  throw new ProvisionerError(
    `workspace ${identity.workspaceId}: instance ${instance.id} is recorded but its tags do not say that it is this ` +
      `workspace's, so it is not touched. What to do: if it is, give it the tags ${tags.join(" and ")}`,
    { retryable: false, alert: true },
  );
}

/**
 * Terminates a recorded instance, which must carry our tags, and resolves once it is `shutting-down` (from there it
 * cannot come back) or, if asked, `terminated`. Gone already is fine. One that EC2 does not know is waited for as long as
 * it may yet come to be seen.
 */
export async function terminate(
  run: Run,
  id: string,
  { launchedAt = 0, fully }: { readonly launchedAt?: number; readonly fully: boolean },
): Promise<void> {
  const { visibleMs, terminateMs } = run.spec.deadlines;
  let found = await run.look(id);
  while (found === undefined && Date.now() < launchedAt + visibleMs) {
    await run.pause(run.timing.pollMs);
    found = await run.look(id);
  }
  if (isLive(found)) {
    assertOurs(found, run.identity);
    run.cycle.step("terminating", { instanceId: id });
    await run.ask("TerminateInstances", id, async (options) => {
      await run.api.terminateInstances([id], options).catch((error) => {
        if (meaningOf(error).kind !== "not-found") throw error;
      });
    });
  }
  await run.until({ what: `instance ${id} terminated`, withinMs: terminateMs }, async () => {
    const seen = await run.look(id);
    const gone = fully ? seen === undefined || seen.state === "terminated" : !isLive(seen);
    return gone ? { value: undefined } : { not: `it is ${seen?.state}` };
  });
}

/** Stops an instance that lives, and resolves once it is `stopped`. */
export async function stopInstance(run: Run, id: string): Promise<void> {
  const withinMs = run.spec.deadlines.stopMs;
  await run.until({ what: `instance ${id} stopped`, withinMs }, async () => {
    const seen = await run.look(id);
    if (!isLive(seen) || seen.state === "stopped") return { value: undefined };
    if (seen.state === "running") {
      assertOurs(seen, run.identity);
      // Again at each look that finds it running: a stop is accepted and then takes its time, and repeating is harmless.
      await run.ask("StopInstances", id, (options) => tolerateWrongState(run.api.stopInstance(id, options)));
    }
    return { not: `it is ${seen.state}` };
  });
}

/** For a call that is repeated after another look anyway. */
export async function tolerateWrongState(call: Promise<void>): Promise<void> {
  await call.catch((error) => {
    if (meaningOf(error).kind !== "wrong-state") throw error;
  });
}
