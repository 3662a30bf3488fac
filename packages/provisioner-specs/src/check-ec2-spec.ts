/**
 * Says what is wrong with a spec, all at once and without asking AWS: when a workspace is registered, and again before
 * each cycle. What only AWS knows (does the template exist?) is the pre-flight's.
 */
import { type Checked, explain, problemsOf, type SpecProblem } from "./checked.ts";
import { type Ec2Spec, ec2SpecShape, type ResolvedEc2Spec, type StrategyName } from "./ec2-spec.ts";

/**
 * Lays a workspace's spec over the worker's defaults and checks the whole. `tags` and `deadlines` are merged key by key,
 * every other field replaces the default; null takes a default away.
 */
export function checkEc2Spec(spec: Readonly<Record<string, unknown>>, defaults: Ec2Spec): Checked<ResolvedEc2Spec> {
  const merged: Record<string, unknown> = { ...defaults, ...spec };
  for (const field of ["tags", "deadlines"] as const) {
    const [base, own] = [defaults[field], spec[field]];
    if (isRecord(base) && isRecord(own)) merged[field] = { ...base, ...own };
  }
  for (const [field, value] of Object.entries(merged)) if (value === null) delete merged[field];
  const result = ec2SpecShape.safeParse(merged);
  if (!result.success) return { ok: false, problems: problemsOf("spec", result.error) };
  const strategy = result.data.strategy ?? defaultStrategy(result.data);
  const resolved: ResolvedEc2Spec = { ...result.data, strategy, strategyGiven: result.data.strategy !== undefined };
  const problems = impossible(resolved);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, spec: resolved };
}

/** Checks the worker's defaults alone, at start-up. @throws Error naming each bad field */
export function checkEc2Defaults(defaults: Readonly<Record<string, unknown>>): Ec2Spec {
  const result = ec2SpecShape.safeParse(defaults);
  if (!result.success) throw new Error(explain(problemsOf("EC2_DEFAULTS", result.error)));
  return defaults as Ec2Spec;
}

/** A volume has one place at a time, so the instance that holds it must go first. */
function defaultStrategy(spec: { readonly volumes: readonly unknown[] }): StrategyName {
  return spec.volumes.length > 0 ? "recreate" : "replace";
}

/** The others launch instances, and so do these for a workspace that has none. */
const KEEP_INSTANCE: ReadonlySet<StrategyName> = new Set(["stop-start", "replace-root", "reboot"]);

function impossible(spec: ResolvedEc2Spec): SpecProblem[] {
  const { strategy, readiness } = spec;
  const problems: SpecProblem[] = [];
  const canLaunch = spec.launchTemplate !== undefined || spec.imageId !== undefined;
  if (!canLaunch && !KEEP_INSTANCE.has(strategy)) {
    problems.push(at("strategy", `${strategy} launches instances, so it needs launchTemplate or imageId`));
  }
  if (spec.imageId !== undefined && spec.launchTemplate === undefined && spec.instanceTypes.length === 0) {
    problems.push(at("instanceTypes", "needed with an imageId and no launchTemplate"));
  }
  if (strategy === "replace" && spec.volumes.length > 0) {
    problems.push(
      at("strategy", "replace starts the new instance while the old one still holds the data volumes; use recreate"),
    );
  }
  if (spec.volumes.length > 0 && spec.launchTemplate === undefined && spec.subnetIds.length === 0 && canLaunch) {
    problems.push(at("subnetIds", "needed with volumes, which can be attached in their own zone only"));
  }
  if (strategy === "reboot" && !(readiness.kind === "url" && readiness.echo)) {
    problems.push(
      at(
        "readiness",
        'a rebooting instance stays "running" all the time; reboot needs {kind: url, echo: true} to tell',
      ),
    );
  }
  problems.push(...duplicates(spec), ...unanswerable(spec, canLaunch));
  if (spec.metadataTags) {
    for (const key of Object.keys(spec.tags).filter((key) => !/^[A-Za-z0-9+\-=._:,@]+$/.test(key))) {
      problems.push(at(`tags.${key}`, `with metadataTags a key may have letters, digits and + - = . _ : , @ only`));
    }
  }
  const ownTags = 5;
  if (Object.keys(spec.tags).length > 50 - ownTags) problems.push(at("tags", `at most ${50 - ownTags}`));
  return problems;
}

function duplicates({ volumes }: ResolvedEc2Spec): SpecProblem[] {
  const devices = new Set(volumes.map(({ device }) => device.replace("/dev/", "")));
  const ids = new Set(volumes.map((volume) => volume.id));
  return devices.size === volumes.length && ids.size === volumes.length
    ? []
    : [at("volumes", "each id and each device may be given once")];
}

/** A readiness that nothing could ever meet, or that somebody else's answer would meet. */
function unanswerable(spec: ResolvedEc2Spec, canLaunch: boolean): SpecProblem[] {
  const { readiness, userData = "" } = spec;
  if (readiness.kind !== "url") return [];
  const problems: SpecProblem[] = [];
  const unknown = [...readiness.url.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name as string);
  for (const name of unknown.filter((placeholder) => !URL_PLACEHOLDERS.has(placeholder))) {
    problems.push(at("readiness.url", `unknown placeholder {${name}}`));
  }
  const learnsCycle =
    /(?<!\$)\{cycleId\}/.test(userData) ||
    spec.metadataTags ||
    spec.instanceProfile !== undefined ||
    spec.launchTemplate !== undefined;
  if (readiness.echo && canLaunch && !learnsCycle) {
    problems.push(
      at("readiness.echo", "the instance cannot know the cycle id; put {cycleId} into userData or set metadataTags"),
    );
  }
  const tellsInstancesApart = /\{(privateIp|publicIp|privateDns|publicDns|instanceId|cycleId)\}/.test(readiness.url);
  if (!readiness.echo && spec.strategy === "replace" && !tellsInstancesApart) {
    problems.push(
      at("readiness.url", "without echo it must name the new instance, as {privateIp} does: the old one answers too"),
    );
  }
  return problems;
}

const URL_PLACEHOLDERS: ReadonlySet<string> = new Set([
  "privateIp",
  "publicIp",
  "privateDns",
  "publicDns",
  "instanceId",
  "workspaceId",
  "cycleId",
]);

function at(field: string, message: string): SpecProblem {
  return { field: `spec.${field}`, message };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
