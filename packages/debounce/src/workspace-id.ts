/** Which texts are ids of workspaces. */
import { InvalidWorkspaceIdError } from "./errors.ts";

/** 1 to 128 letters, digits, ".", "_" or "-", not starting with a dot. */
export const WORKSPACE_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

export function isWorkspaceId(text: string): boolean {
  return typeof text === "string" && WORKSPACE_ID.test(text);
}

/** @throws InvalidWorkspaceIdError */
export function assertWorkspaceId(text: string): void {
  if (!isWorkspaceId(text)) throw new InvalidWorkspaceIdError(text);
}
