/** What is sent: one message per event, in the format the webhook asks for. */
import { type RestartEvent, toldEvent } from "@restart-coordinator/debounce";
import { slackText } from "./slack-text.ts";
import type { WebhookFormat } from "./webhook.ts";

/** Something to tell, as both formats need it. */
export interface Notice {
  /** The same for every attempt, so that receivers can tell what they have seen. */
  readonly id: string;
  readonly type: string;
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
}

const LARGEST_BODY_BYTES = 262_144;

export function eventNotice(stream: number, event: RestartEvent): Notice {
  return {
    id: `evt_${stream}_${event.id}`,
    type: event.event,
    timestamp: event.timestamp,
    data: { ...toldEvent(event) },
    text: slackText(event),
  };
}

/** Older events were trimmed before they could be delivered. */
export function gapNotice(stream: number, after: string, oldest: RestartEvent): Notice {
  return {
    id: `gap_${stream}_${after}`,
    type: "WEBHOOK_GAP",
    timestamp: oldest.timestamp,
    data: { stream, after, resumesAt: oldest.id, reason: "older events were trimmed" },
    text: `:warning: some events before ${isoOf(oldest.timestamp)} were trimmed and cannot be told`,
  };
}

export function testNotice(webhookId: string, nonce: string, timestamp: number): Notice {
  return {
    id: `test_${nonce}`,
    type: "WEBHOOK_TEST",
    timestamp,
    data: { webhook: webhookId },
    text: `:wave: a test of the webhook ${webhookId}`,
  };
}

export function bodyOf({ type, timestamp, data, text }: Notice, format: WebhookFormat): string {
  if (format === "slack") return JSON.stringify({ text });
  const body = JSON.stringify({ type, timestamp: isoOf(timestamp), data });
  if (Buffer.byteLength(body) <= LARGEST_BODY_BYTES) return body;
  const short = { ...data, payload: { omitted: `more than ${LARGEST_BODY_BYTES} bytes` } };
  return JSON.stringify({ type, timestamp: isoOf(timestamp), data: short });
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
