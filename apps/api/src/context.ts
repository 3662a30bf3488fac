import type { RestartCoordinator, Shadow } from "@restart-coordinator/debounce";
import type { RolloutDriver, Rollouts } from "@restart-coordinator/fleet";
import type { SpecCheck } from "@restart-coordinator/provisioner-specs";
import type { ApiMetrics, HintQueues, LivePolicies, RedisWatch } from "@restart-coordinator/service";
import type { SendOptions, WebhookRegistry } from "@restart-coordinator/webhooks";
import type { Caller, Tokens } from "./authentication.ts";
import type { EventFeed } from "./events/feed.ts";
import type { Templates, WorkspaceFiles } from "./files/index.ts";
import type { FleetHistory } from "./fleet-history.ts";
import { conflict, unknownWorkspace } from "./problem.ts";

/** What the routes work with. */
export interface ApiContext {
  readonly tokens: Tokens;
  readonly coordinator: RestartCoordinator;
  readonly policies: LivePolicies;
  readonly rollouts: Rollouts;
  readonly rolloutDriver: RolloutDriver;
  /** Undefined when no shadow policy is configured. */
  readonly shadow: Shadow | undefined;
  readonly files: WorkspaceFiles;
  readonly templates: Templates;
  /** What a worker would say of a workspace's spec, as far as it is known here. */
  readonly checkSpec: SpecCheck;
  readonly feed: EventFeed;
  readonly history: FleetHistory;
  readonly webhooks: {
    readonly registry: WebhookRegistry;
    /** For tests of an endpoint, which are sent from here; workers deliver. */
    readonly sending: SendOptions;
  };
  readonly redisWatch: RedisWatch;
  readonly hints: HintQueues;
  readonly metrics: ApiMetrics;
}

/** @throws Problem 404 */
export async function assertRegistered(context: ApiContext, id: string): Promise<void> {
  if ((await context.coordinator.registry.desired(id)) === undefined) throw unknownWorkspace(id);
}

/** What a workspace that is being removed would acknowledge, the removal takes along. @throws Problem 404, 409 */
export async function assertTakesFiles(context: ApiContext, id: string): Promise<void> {
  const desired = await context.coordinator.registry.desired(id);
  if (desired === undefined) throw unknownWorkspace(id);
  if (desired === "removed") throw conflict(`workspace ${id} is being removed`, "removed");
}

/** The token's name; with a name the caller gave, both. */
export function actorOf({ name }: Caller, given?: string): string {
  return given === undefined ? name : `${given} via ${name}`;
}
