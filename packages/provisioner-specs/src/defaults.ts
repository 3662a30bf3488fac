/** What the variables say of every workspace's spec, for the worker and the API alike. */
import { checkEc2Defaults } from "./check-ec2-spec.ts";
import type { CommandSpec } from "./command-spec.ts";
import type { Ec2Spec } from "./ec2-spec.ts";
import type { ProcessSpec } from "./process-spec.ts";
import type { SimulatedSpec } from "./simulated-spec.ts";

/** As docs/configuration.md names them. */
export interface SpecVariables {
  readonly PROCESS_COMMAND?: readonly string[] | undefined;
  readonly PROCESS_STOP_TIMEOUT_MS: number;
  readonly PROCESS_START_TIMEOUT_MS: number;
  readonly PROCESS_READY_URL?: string | undefined;
  readonly COMMAND_STOP?: readonly string[] | undefined;
  readonly COMMAND_START?: readonly string[] | undefined;
  readonly COMMAND_RESTART?: readonly string[] | undefined;
  readonly COMMAND_STATUS?: readonly string[] | undefined;
  readonly COMMAND_PREFLIGHT?: readonly string[] | undefined;
  readonly COMMAND_ENV: Readonly<Record<string, string>>;
  readonly COMMAND_TIMEOUT_MS: number;
  readonly COMMAND_ONLINE_TIMEOUT_MS: number;
  readonly COMMAND_PROBE_TIMEOUT_MS: number;
  readonly COMMAND_KILL_AFTER_MS: number;
  readonly EC2_DEFAULTS: Readonly<Record<string, unknown>>;
  readonly SIMULATED_DURATION_MS: number;
  readonly SIMULATED_FAIL_RATE: number;
}

export function processDefaults(variables: SpecVariables): ProcessSpec {
  const { PROCESS_COMMAND: command, PROCESS_READY_URL: url } = variables;
  return {
    stopTimeoutMs: variables.PROCESS_STOP_TIMEOUT_MS,
    startTimeoutMs: variables.PROCESS_START_TIMEOUT_MS,
    ...(command !== undefined && { command: command as [string, ...string[]] }),
    ...(url !== undefined && { readiness: { kind: "url" as const, url } }),
  };
}

export function commandDefaults(variables: SpecVariables): CommandSpec {
  const argvs = {
    stop: variables.COMMAND_STOP,
    start: variables.COMMAND_START,
    restart: variables.COMMAND_RESTART,
    status: variables.COMMAND_STATUS,
    preflight: variables.COMMAND_PREFLIGHT,
  };
  const given = Object.fromEntries(Object.entries(argvs).filter(([, argv]) => argv !== undefined));
  return {
    ...given,
    env: variables.COMMAND_ENV,
    timeoutMs: variables.COMMAND_TIMEOUT_MS,
    onlineTimeoutMs: variables.COMMAND_ONLINE_TIMEOUT_MS,
    probeTimeoutMs: variables.COMMAND_PROBE_TIMEOUT_MS,
    killAfterMs: variables.COMMAND_KILL_AFTER_MS,
  };
}

/** @throws Error naming each bad field */
export function ec2Defaults({ EC2_DEFAULTS }: SpecVariables): Ec2Spec {
  return checkEc2Defaults(EC2_DEFAULTS);
}

export function simulatedDefaults(variables: SpecVariables): SimulatedSpec {
  return { durationMs: variables.SIMULATED_DURATION_MS, failRate: variables.SIMULATED_FAIL_RATE };
}
