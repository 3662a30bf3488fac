/**
 * Webhooks: registered URLs are told what happens.
 *
 * - **At least once.** Every event that happens after the registration, and that the events stream still holds, is delivered
 *   until it is taken; what was trimmed before is told as a gap. `webhook-id` is the same for every attempt.
 * - **In order** within a stream, so also for one workspace and for one rollout: an event that is not taken holds up those after it.
 * - **Not for ever.** An event that is not taken for long, although others are, is set aside: listed, to be sent again.
 * - **Given up in sight.** A webhook that takes nothing for long enough is disabled, and says so and why.
 * - Nothing is told to private addresses unless that is allowed, no redirect is followed, nothing waits for ever.
 *
 * The API has a `WebhookRegistry`, workers a `WebhookDispatcher` each; Redis is the only truth between them.
 */
export { assertPublicHost } from "./addresses.ts";
export { WebhookDispatcher } from "./dispatcher.ts";
export { testNotice } from "./message.ts";
export { WebhookRegistry } from "./registry.ts";
export { type SendOptions, type Sent, send } from "./send.ts";
export type { SetAside } from "./set-aside.ts";
export { WEBHOOK_FORMATS, type Webhook } from "./webhook.ts";
