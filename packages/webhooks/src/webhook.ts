/** A webhook as it is kept, read from its hash. Times are ms of Redis' clock. */

export const WEBHOOK_FORMATS = [
  /** Standard Webhooks: `{type, timestamp, data}`. */
  "standard",
  /** `{text}`, as chat channels take it. */
  "slack",
] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

/** What an operator registers. */
export interface WebhookEntry {
  readonly url: string;
  /** Names of events; undefined = all. */
  readonly events?: readonly string[] | undefined;
  /** Ids of workspaces; undefined = all. */
  readonly workspaces?: readonly string[] | undefined;
  readonly format: WebhookFormat;
}

export interface Webhook extends WebhookEntry {
  readonly id: string;
  /** Signs what is sent; told once, at the creation. */
  readonly secret: string;
  /** The secret before that, which signs, too, until then. */
  readonly previous: { readonly secret: string; readonly until: number } | undefined;
  readonly revision: number;
  readonly createdAt: number;
  /** By stream: its last entry that is done with. */
  readonly cursors: readonly string[];
  /** By stream: since when its next event is not taken. */
  readonly stuckSince: readonly (number | undefined)[];
  readonly delivered: number;
  readonly lastDeliveredAt: number | undefined;
  /** How many events were set aside, ever. */
  readonly setAside: number;
  /** Nothing was taken since the last thing that was not. */
  readonly failure: DeliveryFailure | undefined;
  readonly disabled: { readonly at: number; readonly reason: string } | undefined;
}

/** How a webhook fares: "disabled" = it was given up, "off" = a person has turned it off. */
export type WebhookStatus = "active" | "failing" | "disabled" | "off";

export function statusOf({ disabled, failure }: Webhook): WebhookStatus {
  if (disabled !== undefined) return disabled.reason === TURNED_OFF ? "off" : "disabled";
  return failure === undefined ? "active" : "failing";
}

/** As register.lua says it. */
const TURNED_OFF = "turned off";

export interface DeliveryFailure {
  readonly since: number;
  readonly attempts: number;
  readonly error: string;
  /** Undefined when it is not tried again. */
  readonly retryAt: number | undefined;
}

/** Undefined for the hash of a webhook that is not registered. */
export function readWebhook(id: string, fields: Readonly<Record<string, string>>): Webhook | undefined {
  const { url, secret, previousSecret, previousUntil, failingSince, disabledAt } = fields;
  if (url === undefined || secret === undefined) return undefined;
  const streams = Object.keys(fields).filter((field) => field.startsWith("cursor:"));
  const failure = {
    since: Number(failingSince),
    attempts: Number(fields.attempts),
    error: fields.lastError ?? "",
    retryAt: numberOf(fields.retryAt),
  };
  return {
    id,
    url,
    secret,
    previous: previousSecret === undefined ? undefined : { secret: previousSecret, until: Number(previousUntil) },
    events: listOf(fields.events),
    workspaces: listOf(fields.workspaces),
    format: fields.format as WebhookFormat,
    revision: Number(fields.revision),
    createdAt: Number(fields.createdAt),
    cursors: streams.map((_, stream) => fields[`cursor:${stream}`] ?? "0-0"),
    stuckSince: streams.map((_, stream) => numberOf(fields[`stuck:${stream}`])),
    delivered: Number(fields.delivered ?? 0),
    setAside: Number(fields.setAside ?? 0),
    lastDeliveredAt: numberOf(fields.lastDeliveredAt),
    failure: failingSince === undefined ? undefined : failure,
    disabled: disabledAt === undefined ? undefined : { at: Number(disabledAt), reason: fields.disabledReason ?? "" },
  };
}

export function isWanted(
  { events, workspaces }: WebhookEntry,
  event: { event: string; workspace_id: string },
): boolean {
  return (
    (events === undefined || events.includes(event.event)) &&
    (workspaces === undefined || workspaces.includes(event.workspace_id))
  );
}

function listOf(json: string | undefined): string[] | undefined {
  return json === undefined || json === "" ? undefined : (JSON.parse(json) as string[]);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
