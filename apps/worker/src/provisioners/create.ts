import type { WorkerEnvironment } from "@restart-coordinator/service";
import type { Cluster, Redis } from "ioredis";
import { ProcessProvisioner, type ProcessSpec } from "./process/index.ts";
import type { Provisioner } from "./provisioner.ts";

/** The provisioner that PROVISIONER names, with its own options. @throws Error naming an option that cannot work */
export function createProvisioner(config: WorkerEnvironment, _redis: Redis | Cluster): Provisioner {
  return new ProcessProvisioner({ workspacesDir: config.WORKSPACES_DIR, defaults: processDefaults(config) });
}

function processDefaults(config: WorkerEnvironment): ProcessSpec {
  const { PROCESS_COMMAND: command, PROCESS_READY_URL: url } = config;
  return {
    stopTimeoutMs: config.PROCESS_STOP_TIMEOUT_MS,
    startTimeoutMs: config.PROCESS_START_TIMEOUT_MS,
    ...(command !== undefined && { command: command as [string, ...string[]] }),
    ...(url !== undefined && { readiness: { kind: "url" as const, url } }),
  };
}
