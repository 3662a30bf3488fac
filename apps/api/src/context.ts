import type { RestartCoordinator, Shadow } from "@restart-coordinator/debounce";
import type { RolloutDriver, Rollouts } from "@restart-coordinator/fleet";
import type { SpecCheck } from "@restart-coordinator/provisioner-specs";
import type { LivePolicies } from "@restart-coordinator/service";
import type { Request, Response } from "express";
import type { Templates, WorkspaceFiles } from "./files/index.ts";
import { workspaceId } from "./input.ts";
import { conflict, unknownWorkspace } from "./problem.ts";

/** What the routes work with. */
export interface ApiContext {
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
}

/** The id in the path. @throws ZodError naming it */
export function idOf(request: Request, name = "id"): string {
  const id = request.params[name];
  const result = workspaceId.safeParse(id);
  if (result.success) return result.data;
  for (const issue of result.error.issues) issue.path.unshift(name);
  throw result.error;
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
export function actorOf(response: Response, given?: string): string {
  const { name } = response.locals.caller;
  return given === undefined ? name : `${given} via ${name}`;
}
