import type { Redis } from "ioredis";

const WINDOW_MS = 600_000;

/** The floor of any claim: one SET NX PX, through the same client. */
export function rawClaim(redis: Redis, workspaceId: string): Promise<unknown> {
  return redis.set(`raw:window:${workspaceId}`, "1", "PX", WINDOW_MS, "NX");
}
