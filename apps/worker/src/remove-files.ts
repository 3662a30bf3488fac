import { rm } from "node:fs/promises";
import { join } from "node:path";
import { assertWorkspaceId } from "@restart-coordinator/debounce";
import { removeControlDirectory } from "./provisioners/process/index.ts";

/**
 * Deletes a removed workspace's files and what the process provisioner noted of it. Nothing there is a success.
 * @throws InvalidWorkspaceIdError when the id could lead out of the directory
 */
export async function removeWorkspaceFiles(workspacesDir: string, workspaceId: string): Promise<void> {
  assertWorkspaceId(workspaceId);
  await rm(join(workspacesDir, workspaceId), { recursive: true, force: true });
  await removeControlDirectory(workspacesDir, workspaceId);
}
