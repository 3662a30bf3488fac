import { createHash } from "node:crypto";

export interface TokenParts {
  readonly owner: string;
  readonly workspaceId: string;
  readonly cycleId: string;
  /** Counts launches within the cycle, from 1: not the attempts at the cycle, which repeat a launch. */
  readonly attempt: number;
  readonly call: "launch" | "replace-root";
}

/**
 * The same for every repetition of one call by whatever worker, and for no other call: 43 characters of ASCII. EC2 allows
 * 64. A hash, because ids may be longer than that.
 */
export function clientToken({ owner, workspaceId, cycleId, attempt, call }: TokenParts): string {
  const parts = JSON.stringify([owner, workspaceId, cycleId, attempt, call]);
  return createHash("sha256").update(parts).digest("base64url");
}
