import { baseEnvironment } from "../host-environment.ts";

export interface LaunchFacts {
  readonly workspaceId: string;
  readonly filesDir: string;
  readonly cycleId: string;
  readonly fencingToken: number;
}

/** Makes the whole environment of one launch. A readiness answer can use it to say which launch it comes from. */
export function launchEnvironment(own: Readonly<Record<string, string>>, facts: LaunchFacts): Record<string, string> {
  return {
    ...baseEnvironment(own),
    WORKSPACE_ID: facts.workspaceId,
    WORKSPACE_FILES: facts.filesDir,
    RESTART_CYCLE_ID: facts.cycleId,
    RESTART_FENCING_TOKEN: String(facts.fencingToken),
  };
}
