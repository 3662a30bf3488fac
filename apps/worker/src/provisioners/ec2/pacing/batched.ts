import type { CallOptions, Ec2Api, TemplateVersion } from "../api.ts";
import { meaningOf } from "../errors.ts";
import { LaunchDryRuns } from "./launch-dry-runs.ts";
import { Merger } from "./merger.ts";

export interface BatchOptions {
  /** How long a look waits for others to go with it, ms. Default 50. */
  readonly describeCollectMs?: number;
  /** … and a termination. Default 250. */
  readonly terminateCollectMs?: number;
  /** How long EC2's yes to the dry run of a launch counts for equal ones, ms. Default 60 s. */
  readonly launchYesMs?: number;
}

/** A filter takes 200 values, so this many ids are one request. */
const DESCRIBE_IDS = 200;
const STATUS_IDS = 100;
const TERMINATE_IDS = 1_000;
/** Of each kind. */
const CALLS_IN_FLIGHT = 2;

type ById<T> = ReadonlyMap<string, T>;
type LookById<T> = (ids: readonly string[], options?: CallOptions) => Promise<ById<T>>;
type Template = Parameters<Ec2Api["describeTemplate"]>[0];

/**
 * One call to EC2 for many workspaces: looks by id and terminations are merged, equal looks at images and templates and
 * equal dry runs of launches are shared. Everything else is the given API's.
 *
 * One bad id fails a merged termination as a whole: it is then made again in halves, down to one caller's, so that each
 * caller gets the answer that is its own. An error that says nothing about the ids is everybody's.
 */
export function batched(api: Ec2Api, options: BatchOptions = {}): Ec2Api {
  const { describeCollectMs = 50, terminateCollectMs = 250, launchYesMs = 60_000 } = options;
  const look = { collectMs: describeCollectMs, most: DESCRIBE_IDS, inFlight: CALLS_IN_FLIGHT };
  // One key in a call: callers share it when they ask for the same.
  const shared = { ...look, most: 1 };
  const images = new Merger<string | undefined>({
    ...shared,
    send: ([id], signal) => api.describeImage(id as string, { signal }),
  });
  const templates = new Merger<TemplateVersion | undefined>({
    ...shared,
    send: ([key], signal) => api.describeTemplate(JSON.parse(key as string) as Template, { signal }),
  });
  const launchDryRuns = new LaunchDryRuns({
    send: (launch, signal) => api.dryRun({ call: "RunInstances", launch }, { signal }),
    collectMs: describeCollectMs,
    yesMs: launchYesMs,
  });
  const terminations = new Merger<void>({
    collectMs: terminateCollectMs,
    most: TERMINATE_IDS,
    inFlight: CALLS_IN_FLIGHT,
    send: (ids, signal) => api.terminateInstances(ids, { signal }),
    splitOn: (error) => meaningOf(error).kind !== "retry",
  });
  return {
    ...api,
    describeInstances: merged(look, (ids, given) => api.describeInstances(ids, given)),
    describeStatusChecks: merged({ ...look, most: STATUS_IDS }, (ids, given) => api.describeStatusChecks(ids, given)),
    describeVolumes: merged(look, (ids, given) => api.describeVolumes(ids, given)),
    describeSubnets: merged(look, (ids, given) => api.describeSubnets(ids, given)),
    describeImage: (id, given) => images.ask([id], given?.signal),
    describeTemplate: ({ id, name, version }, given) =>
      templates.ask([JSON.stringify({ id, name, version })], given?.signal),
    // An abort leaves open whether the instances were terminated.
    terminateInstances: (ids, given) => terminations.ask(ids, given?.signal),
    dryRun: (call, given) =>
      call.call === "RunInstances" ? launchDryRuns.ask(call.launch, given?.signal) : api.dryRun(call, given),
  };
}

/** A look that goes together with others; each caller is answered what it asked for. */
function merged<T>(how: { collectMs: number; most: number; inFlight: number }, ask: LookById<T>): LookById<T> {
  const merger = new Merger<ById<T>>({ ...how, send: (ids, signal) => ask(ids, { signal }) });
  return async (ids, options) => {
    if (ids.length === 0) return new Map();
    const found = await merger.ask(ids, options?.signal);
    return new Map(ids.flatMap((id): [string, T][] => (found.has(id) ? [[id, found.get(id) as T]] : [])));
  };
}
