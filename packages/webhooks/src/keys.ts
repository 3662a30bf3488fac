/**
 * The only file that knows how the webhooks' keys are named. One hash tag, `{<prefix>:webhooks}`, puts everything a script
 * touches into one slot.
 */
export type WebhookKeyRole =
  /** Hash: what was registered, and where its deliveries stand (lua/shared/webhook.lua lists the fields). */
  | "webhook"
  /** Sorted set: its events that were set aside, as JSON (set-aside.ts) → when, ms. */
  | "aside"
  /** Set: the ids. */
  | "webhooks"
  /** Stream of one entry: the last change, for who waits. */
  | "changes";

export interface WebhookKeys {
  /** `id` names the webhook where the role is one webhook's. */
  of(role: WebhookKeyRole, id?: string): string;
}

export function createWebhookKeys(prefix: string): WebhookKeys {
  const tag = `{${prefix}:webhooks}`;
  return {
    of: (role, id = "") => {
      if (role === "webhook" || role === "aside") return `${tag}:${role}:${id}`;
      return role === "webhooks" ? `${tag}:ids` : `${tag}:changes`;
    },
  };
}
