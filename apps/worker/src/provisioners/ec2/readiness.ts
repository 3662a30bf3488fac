import http from "node:http";
import https from "node:https";
import type { Ec2Readiness } from "@restart-coordinator/provisioner-specs";
import { ProvisionerError } from "../provisioner.ts";
import type { CallOptions, Ec2Api, Instance } from "./api.ts";
import { meaningOf } from "./errors.ts";
import { LIVE } from "./instances.ts";
import type { Run } from "./run.ts";

/** How long one answer may take, in ms. */
const PROBE_TIMEOUT_MS = 2_000;
/** How much of an answer is searched for the cycle id. */
const PROBE_BYTES = 65_536;

export type Ready = { readonly ready: true } | { readonly ready: false; readonly why: string };

interface Names {
  readonly workspaceId: string;
  readonly cycleId: string;
}

/** Takes one look at an instance that was just described. */
export async function isReady(
  api: Ec2Api,
  readiness: Ec2Readiness,
  instance: Instance,
  names: Names,
  options?: CallOptions,
): Promise<Ready> {
  if (instance.state !== "running") return { ready: false, why: `it is ${instance.state}` };
  switch (readiness.kind) {
    case "running":
      return { ready: true };
    case "status-checks": {
      const checks = await statusChecks(api, instance.id, options);
      return checks === "ok"
        ? { ready: true }
        : { ready: false, why: `its status checks are ${checks ?? "not there yet"}` };
    }
    case "url":
      return probe(readiness, instance, names, options?.signal);
  }
}

/** What was launched, started or rebooted did not become ready. Retryable. */
export class NotReadyError extends ProvisionerError {
  constructor(message: string) {
    super(message, { retryable: true });
    this.name = "NotReadyError";
  }
}

/**
 * Resolves to the instance once it is ready. `since` is when it was launched or started, ms since 1970; one look is
 * always taken. `onStopped` is for one that is found stopped; without it that is its end. @throws NotReadyError
 */
export async function awaitReady(
  run: Run,
  id: string,
  since: number,
  onStopped?: () => Promise<void>,
): Promise<Instance> {
  const { readyMs, visibleMs } = run.spec.deadlines;
  const { readiness } = run.spec;
  const names = { workspaceId: run.workspaceId, cycleId: run.cycle.id };
  const about = `workspace ${run.workspaceId}: instance ${id}`;
  const awaited = { what: `instance ${id} ready (${readiness.kind})`, withinMs: readyMs, since };
  const looked = run.until<Instance>(awaited, async () => {
    const seen = await run.look(id);
    // After a launch EC2 may not know its own instance for a while.
    if (seen === undefined) {
      if (Date.now() >= since + visibleMs)
        throw new NotReadyError(`${about} was not to be seen within ${visibleMs} ms`);
      return { not: "EC2 does not know it (yet)" };
    }
    if (!LIVE.includes(seen.state))
      throw new NotReadyError(`${about} is ${seen.state} instead of ready (${seen.stateReason ?? "no reason given"})`);
    if (seen.state === "stopped" && onStopped === undefined) {
      throw new NotReadyError(`${about} stopped instead of becoming ready (${seen.stateReason ?? "no reason given"})`);
    }
    if (seen.state === "stopped") await onStopped?.();
    const looked = await run.ask("DescribeInstanceStatus", id, (options) =>
      isReady(run.api, readiness, seen, names, options),
    );
    return looked.ready ? { value: seen } : { not: looked.why };
  });
  return looked.catch((error) => {
    run.signal.throwIfAborted();
    if (error instanceof ProvisionerError && error.cause === undefined) throw new NotReadyError(error.message);
    throw error;
  });
}

async function statusChecks(api: Ec2Api, id: string, options: CallOptions | undefined) {
  try {
    return (await api.describeStatusChecks([id], options)).get(id);
  } catch (error) {
    // What one call shows, another one may not know yet.
    if (meaningOf(error).kind === "not-found") return undefined;
    throw error;
  }
}

async function probe(
  { url, echo }: Extract<Ec2Readiness, { kind: "url" }>,
  instance: Instance,
  names: Names,
  signal: AbortSignal | undefined,
): Promise<Ready> {
  const values: Readonly<Record<string, string | undefined>> = {
    ...names,
    instanceId: instance.id,
    privateIp: instance.privateIp,
    publicIp: instance.publicIp,
    privateDns: instance.privateDns,
    publicDns: instance.publicDns,
  };
  const missing = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string).find((name) => !values[name]);
  if (missing !== undefined) return { ready: false, why: `it has no ${missing}` };
  const filled = url.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const answer = await get(filled, signal);
  if (typeof answer === "string") return { ready: false, why: `GET ${filled}: ${answer}` };
  if (answer.status < 200 || answer.status > 299)
    return { ready: false, why: `GET ${filled} answers ${answer.status}` };
  if (echo && !answer.body.includes(names.cycleId)) {
    return { ready: false, why: `GET ${filled} answers without the cycle id` };
  }
  return { ready: true };
}

function get(url: string, signal: AbortSignal | undefined): Promise<{ status: number; body: string } | string> {
  const client = url.startsWith("https:") ? https : http;
  return new Promise((answered) => {
    // No agent: a connection kept open would be one for every idle workspace.
    const request = client.get(url, { agent: false, signal }, (response) => {
      let body = "";
      const done = () => {
        response.destroy();
        answered({ status: response.statusCode ?? 0, body });
      };
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
        if (body.length >= PROBE_BYTES) done();
      });
      response.on("end", done);
      response.on("error", (error) => answered(error.message));
    });
    // A timer of its own: on Node 20 what AbortSignal.any makes may never fire once the collector has run.
    const late = () => request.destroy(new Error(`no answer within ${PROBE_TIMEOUT_MS} ms`));
    const timer = setTimeout(late, PROBE_TIMEOUT_MS);
    request.once("close", () => clearTimeout(timer));
    request.on("error", (error) => answered(error.message || "no answer"));
  });
}
