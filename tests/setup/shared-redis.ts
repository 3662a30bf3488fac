import { randomBytes } from "node:crypto";
import { inject } from "vitest";

/** The Redis all tests of this run share. It may be somebody's `REDIS_URL`: never flush or reconfigure it. */
export function redisUrl(): string {
  return inject("redisUrl");
}

/** A key prefix no other test has; pass it as `prefix` or `RESTART_PREFIX`. */
export function ownPrefix(): string {
  return `test-${randomBytes(6).toString("hex")}`;
}
