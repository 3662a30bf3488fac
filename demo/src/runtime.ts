import type { AgentRun } from "./agent-record.ts";
import type { InstanceFact } from "./facts.ts";

/** What the workspaces run on, and what it saw of them: the demo judges by this, not by what the coordinator says. */
export interface Runtime {
  /** As PROVISIONER names it. */
  readonly provisioner: "process" | "ec2";
  /** Ready for workers. @throws Error, for the person who started the demo */
  start(): Promise<void>;
  /** For the APIs and the workers. */
  readonly environment: NodeJS.ProcessEnv;
  /** Of a workspace to be registered. */
  specOf(workspace: string): Promise<Record<string, unknown>>;
  /** Where a workspace tells what it has loaded. */
  urlOf(workspace: string): string | undefined;
  runs(): AgentRun[];
  /** Every instance that there was; undefined where there are none. */
  instances(): Promise<readonly InstanceFact[] | undefined>;
  stop(): Promise<void>;
}
