/** The webhooks' scripts, one per transition. */
import { BoundScripts } from "@restart-coordinator/redis-scripts";
import type { Cluster, Redis } from "ioredis";
import type { WebhookKeyRole } from "./keys.ts";

export const WEBHOOK_SCRIPTS = [
  "register",
  "remove",
  "claim",
  "renew",
  "advance",
  "fail",
  "set-aside",
  "release",
] as const;
export type WebhookScripts = BoundScripts<(typeof WEBHOOK_SCRIPTS)[number], WebhookKeyRole>;

export const WEBHOOK_LUA = new URL("../lua/", import.meta.url);

export function bindWebhookScripts(redis: Redis | Cluster): WebhookScripts {
  return new BoundScripts(redis, { directory: WEBHOOK_LUA, names: WEBHOOK_SCRIPTS, commandPrefix: "webhook" });
}
