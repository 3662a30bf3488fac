import { bindScriptSet, type RunScriptOf } from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import type { WebhookKeyRole } from "./keys.ts";

const SCRIPTS = ["register", "remove", "claim", "renew", "advance", "fail", "set-aside", "release"] as const;
export type RunWebhookScript = RunScriptOf<(typeof SCRIPTS)[number], WebhookKeyRole>;

export function bindWebhookScripts(redis: Redis | Cluster): RunWebhookScript {
  const directory = new URL("../lua/", import.meta.url);
  return bindScriptSet(redis, { directory, names: SCRIPTS, commandPrefix: "webhook" });
}

/** A hash as Redis tells it: names and values in turn. */
export function fieldsOf<Value = string>(flat: readonly unknown[]): Record<string, Value> {
  const fields: Record<string, Value> = {};
  for (let i = 0; i < flat.length; i += 2) fields[String(flat[i])] = flat[i + 1] as Value;
  return fields;
}
