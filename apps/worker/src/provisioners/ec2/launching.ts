/** From a plan to a new instance that is ready, surviving lost answers, dead workers and a lack of capacity. */
import { ProvisionerError } from "../provisioner.ts";
import type { Instance, LaunchCall } from "./api.ts";
import { describeFailure, meaningOf, provisionerErrorOf } from "./errors.ts";
import { isLive, LIVE, terminate } from "./instances.ts";
import type { Launch } from "./journal.ts";
import { candidatesOf, describeCandidate, planLaunch, userDataOf } from "./launch-request.ts";
import { awaitReady, NotReadyError } from "./readiness.ts";
import type { Run } from "./run.ts";
import { identityTags } from "./tags.ts";
import { resolveTemplate } from "./template.ts";
import { attachVolumes, zoneOfVolumes } from "./volumes.ts";

/** How soon the types and subnets are tried again once none was to be had, ms. */
const CAPACITY_RETRY_MS = 60_000;

/**
 * Resolves to the journalled new instance once it is ready, its volumes attached. One that does not become ready is
 * terminated, and a retryable ProvisionerError says so: the next attempt launches another one.
 */
export async function launchUntilReady(run: Run): Promise<Instance> {
  if (run.journal.step === "DISCARDING") await discardAll(run);
  const id = run.hasReached("LAUNCHED") ? (run.journal.fresh as string) : await launch(run);
  const since = run.journal.since ?? Date.now();
  try {
    await attachVolumes(run, id, since);
    return await awaitReady(run, id, since);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    await discardFresh(run);
    throw new ProvisionerError(`${error.message}. It was terminated`, { retryable: true });
  }
}

/** Takes back what this cycle launched: the workspace is as it was before. */
export async function discardFresh(run: Run): Promise<void> {
  const { fresh, discard, since = Date.now() } = run.journal;
  const gone = fresh === undefined ? [] : [{ id: fresh, at: since }];
  await run.record("DISCARDING", {
    discard: [...discard, ...gone],
    fresh: undefined,
    launch: undefined,
    since: undefined,
  });
  await discardAll(run);
}

/** Terminates what was launched and must not stay. The ids leave the journal only with the next entry. */
export async function discardAll(run: Run): Promise<void> {
  for (const { id, at } of run.journal.discard) await terminate(run, id, { launchedAt: at, fully: false });
}

/**
 * Finds out whether a launch whose outcome is unknown made an instance, and resolves to its id. What EC2 shows is asked
 * first; a launch young enough to be not yet visible is repeated: its token makes EC2 answer with the same instance.
 */
export async function settle(run: Run, launch: Launch): Promise<string | undefined> {
  const seen = await findLaunched(run, launch);
  if (seen !== undefined) return seen.id;
  const { visibleMs } = run.spec.deadlines;
  if (Date.now() >= launch.at + visibleMs) return undefined;
  const { base64: userData } = userDataOf(run.spec, run.workspaceId, launch.cycleId);
  try {
    return await send(run, { ...launch, userData }, "a launch of unknown outcome, repeated");
  } catch (error) {
    const { kind, mismatch } = causeOf(error);
    if (kind === "next-attempt") return undefined;
    if (!mismatch) throw error;
  }
  // Used, and by a request whose user data was another: the instance exists and has only to become visible.
  return run.until(
    { what: "the instance of a changed launch visible", withinMs: visibleMs, since: launch.at },
    async () => {
      const found = await findLaunched(run, launch);
      return found === undefined ? { not: "EC2 does not show it yet" } : { value: found.id };
    },
  );
}

/** Launches, trying types and subnets in turn; resolves to the id once it is in the journal. */
async function launch(run: Run): Promise<string> {
  const inFlight = run.journal.step === "LAUNCHING" ? run.journal.launch : undefined;
  if (inFlight !== undefined) {
    const id = await resume(run, inFlight);
    if (id !== undefined) return launched(run, id, inFlight);
  }
  const { candidates, template } = await planning(run);
  const failures: string[] = [];
  for (let tried = 0; tried < candidates.length; tried++) {
    const attempt = run.journal.launches + 1;
    const candidate = candidates[(attempt - 1) % candidates.length] as (typeof candidates)[number];
    const plan = planLaunch({ identity: run.identity, cycle: run.cycle, spec: run.spec, template, candidate, attempt });
    const { base64: userData } = userDataOf(run.spec, run.workspaceId, run.cycle.id);
    await run.record("LAUNCHING", {
      launch: plan,
      launches: attempt,
      fresh: undefined,
      since: plan.at,
      // By now they are gone.
      discard: [],
    });
    try {
      return await launched(run, await send(run, { ...plan, userData }, describeCandidate(candidate)), plan);
    } catch (error) {
      const { kind } = causeOf(error);
      if (kind === undefined || kind === "retry") throw error;
      // Definitely not launched: nothing is in doubt any longer, and the token is used up.
      await run.record("DISCARDING", { launch: undefined });
      if (kind !== "next-attempt") throw error;
      failures.push((error as Error).message);
      run.cycle.step("launch-failed", { attempt, reason: (error as Error).message });
    }
  }
  const message = `workspace ${run.workspaceId}: no instance to be had, ${candidates.length} tried. ${failures.join(" ")}`;
  throw new ProvisionerError(message, { retryable: true, retryAfterMs: CAPACITY_RETRY_MS });
}

async function launched(run: Run, id: string, { at }: Launch): Promise<string> {
  await run.record("LAUNCHED", { fresh: id, since: at, launch: undefined });
  return id;
}

/** The launch that an earlier attempt at this cycle may have sent. Undefined: it made nothing that can be used. */
async function resume(run: Run, launch: Launch): Promise<string | undefined> {
  const { base64: userData, hash } = userDataOf(run.spec, run.workspaceId, launch.cycleId);
  if (hash === launch.userDataHash) {
    const seen = await findLaunched(run, launch);
    if (isLive(seen)) return seen.id;
    if (seen === undefined) {
      try {
        return await send(run, { ...launch, userData }, "repeated after a takeover");
      } catch (error) {
        if (causeOf(error).kind !== "next-attempt") throw error;
      }
    }
    return undefined;
  }
  // The workspace's user data is another now, so the same launch cannot be repeated: what it made is of no use.
  run.cycle.step("user-data-changed");
  const id = await settle(run, launch);
  const discard = id === undefined ? run.journal.discard : [...run.journal.discard, { id, at: launch.at }];
  await run.record("DISCARDING", { discard, launch: undefined });
  await discardAll(run);
  return undefined;
}

/** One launch, repeated with the same token and the same request for as long as nothing is known of it. */
async function send(run: Run, { clientToken, request, userData }: LaunchCall, about: string): Promise<string> {
  const { retries, retryMs } = run.timing;
  for (let retry = 0; ; retry++) {
    run.signal.throwIfAborted();
    try {
      return (await run.api.runInstances({ clientToken, request, userData }, { signal: run.signal })).id;
    } catch (error) {
      run.signal.throwIfAborted();
      const failed = { workspaceId: run.workspaceId, call: "RunInstances", about };
      if (meaningOf(error).kind !== "retry" || retry >= retries) throw provisionerErrorOf(failed, error);
      run.cycle.step("launch-unclear", { retry: retry + 1, reason: describeFailure(failed, error) });
      await run.pause(retryMs * 2 ** Math.min(retry, 5) * (0.5 + Math.random()));
    }
  }
}

/** The instance of this token, dead or alive, as far as EC2 shows it. */
async function findLaunched(run: Run, { clientToken }: Launch): Promise<Instance | undefined> {
  const tagged = await run.ask("DescribeInstances", undefined, (options) =>
    run.api.findInstances(
      { tags: identityTags(run.identity), states: [...LIVE, "shutting-down", "terminated"] },
      options,
    ),
  );
  return tagged.find((instance) => instance.clientToken === clientToken);
}

async function planning(run: Run) {
  const template = await run.ask("DescribeLaunchTemplateVersions", undefined, (options) =>
    resolveTemplate(run.api, run.workspaceId, run.spec, options),
  );
  const zone = await run.ask("DescribeVolumes", undefined, (options) =>
    zoneOfVolumes(run.api, run.spec.volumes, options),
  );
  const subnetIds = await run.ask("DescribeSubnets", undefined, (options) =>
    subnetsIn(run.api, run.spec.subnetIds, zone, options),
  );
  return { template, candidates: candidatesOf(run.spec.instanceTypes, subnetIds) };
}

/** The spec's subnets that lie where its volumes do: all of them, without volumes. */
export async function subnetsIn(
  api: Run["api"],
  subnetIds: readonly string[],
  zone: string | undefined,
  options?: { readonly signal?: AbortSignal | undefined },
): Promise<readonly string[]> {
  if (zone === undefined || subnetIds.length === 0) return subnetIds;
  const subnets = await api.describeSubnets(subnetIds, options);
  const there = subnetIds.filter((id) => subnets.get(id)?.zone === zone);
  if (there.length > 0) return there;
  throw new ProvisionerError(`spec.subnetIds: none lies in ${zone}, where the data volumes are`, { retryable: false });
}

function causeOf(error: unknown) {
  const cause = error instanceof ProvisionerError ? error.cause : undefined;
  const mismatch = (cause as { name?: string } | undefined)?.name === "IdempotentParameterMismatch";
  return { kind: cause === undefined ? undefined : meaningOf(cause).kind, mismatch };
}
