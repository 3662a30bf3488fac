/** What is seen of a workspace's process: from here, and without touching it. */
import { hostname } from "node:os";
import type { Sighting } from "@restart-coordinator/debounce";
import type { ProcessReadiness } from "@restart-coordinator/provisioner-specs";
import type { Workspace } from "../provisioner.ts";
import type { ControlDirectory } from "./control-directory.ts";
import type { DeathWatch } from "./death-watch.ts";
import { isLeaderAlive, isLocal, type ProcessRecord } from "./identity.ts";
import { answers } from "./readiness.ts";

export interface Seeing {
  readonly workspace: Workspace;
  readonly control: ControlDirectory;
  /** Undefined where the spec does not hold. */
  readonly readiness: ProcessReadiness | undefined;
  readonly watch: DeathWatch | undefined;
}

/** Looks once: whether the recorded process lives, and with `url` readiness answers within 2 s. */
export async function see(seeing: Seeing): Promise<Sighting> {
  const { workspace, control, readiness, watch } = seeing;
  const record = await control.record();
  if (record === undefined) return seeNothing(seeing);
  if (!isLocal(record) && (await control.look()) !== "elsewhere") return gone(seeing, "its process is gone", record);
  if (isLocal(record)) {
    if (!isLeaderAlive(record)) {
      const how = watch?.endOf(workspace.id, record);
      return gone(seeing, how === undefined ? "its process is gone" : `its process ended (${how})`, record);
    }
    watch?.sawAlive(workspace.id, record);
  }
  const { pid: recordedPid } = workspace.instance ?? {};
  const isAnother = recordedPid !== undefined && recordedPid !== record.pid;
  const ours = { isOurs: true, ...(isAnother && { instance: describe(record) }) };
  if (readiness?.kind === "url" && !(await answers(readiness.url, workspace.id, record.cycleId))) {
    return { seen: "unhealthy", detail: "its process runs, and its readiness URL does not answer with 2xx", ...ours };
  }
  return { seen: "online", detail: `process ${record.pid} runs on ${record.host}`, ...ours };
}

/** Makes of a record what is remembered as the running instance, and shown to people. */
export function describe(record: ProcessRecord): Readonly<Record<string, unknown>> {
  return { pid: record.pid, host: record.host, startedAt: new Date(record.launchedAt).toISOString() };
}

/** No process is on record: it was stopped, or it is on the record of another host, whose directory is not this one. */
async function seeNothing(seeing: Seeing): Promise<Sighting> {
  const { host } = seeing.workspace.instance ?? {};
  if (host !== undefined && host !== hostname()) {
    return { seen: "unknown", detail: `its process was started on host ${String(host)}, and is not on record here` };
  }
  return gone(seeing, "no process is on record", undefined);
}

/** Whoever answers in its place was started by somebody else. */
async function gone({ workspace, readiness }: Seeing, detail: string, record: ProcessRecord | undefined) {
  const isAnswered =
    readiness?.kind === "url" && (await answers(readiness.url, workspace.id, record?.cycleId ?? "none"));
  const stray = isAnswered ? { stray: "its readiness URL answers, though no process of it runs" } : {};
  return { seen: "offline", detail, isCertain: record !== undefined, ...stray } satisfies Sighting;
}
