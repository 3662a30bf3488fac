/** One delivery attempt over HTTP: signed, bounded in time, no redirect followed. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Webhook as Signer } from "standardwebhooks";
import { assertPublicHost, PrivateAddressError, publicLookup } from "./addresses.ts";
import { bodyOf, type Notice } from "./message.ts";
import type { Webhook } from "./webhook.ts";

export interface SendOptions {
  /** From the connection to the status line, ms. */
  readonly timeoutMs: number;
  /** Deliver to this machine and its network, too. */
  readonly allowPrivate: boolean;
}

export type Sent =
  | { readonly kind: "taken"; readonly status: number }
  | {
      readonly kind: "not-taken";
      readonly status: number | undefined;
      /** Says nothing of the URL, which may be a secret itself. */
      readonly error: string;
      /** The endpoint will never come back. */
      readonly isGone: boolean;
      /** The endpoint asks not to be asked before that, ms. */
      readonly retryAfterMs: number;
    };

export async function send(
  webhook: Pick<Webhook, "url" | "secret" | "previous" | "format">,
  notice: Notice,
  options: SendOptions,
): Promise<Sent> {
  const body = bodyOf(notice, webhook.format);
  const sentAt = new Date();
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "user-agent": "restart-coordinator",
    "webhook-id": notice.id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1_000)),
    // One for each secret: while it is changed, a receiver knows the one or the other.
    "webhook-signature": secretsOf(webhook)
      .map((secret) => new Signer(secret).sign(notice.id, sentAt, body))
      .join(" "),
  };
  try {
    const response = await post(new URL(webhook.url), headers, body, options);
    const status = response.statusCode ?? 0;
    const retryAfterMs = retryAfterOf(response.headers);
    // Nothing of the answer but this is of use.
    response.destroy();
    if (status >= 200 && status < 300) return { kind: "taken", status };
    return { kind: "not-taken", status, error: `HTTP ${status}`, isGone: status === 410, retryAfterMs };
  } catch (error) {
    const reason = reasonOf(error, options.timeoutMs);
    return { kind: "not-taken", status: undefined, error: reason, isGone: false, retryAfterMs: 0 };
  }
}

function post(
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  body: string,
  { timeoutMs, allowPrivate }: SendOptions,
): Promise<IncomingMessage> {
  if (!allowPrivate) assertPublicHost(url);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: "POST",
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(!allowPrivate && { lookup: publicLookup }),
    });
    outgoing.once("response", (response) => {
      response.on("error", () => {});
      resolve(response);
    });
    // After the answer, too: it is destroyed with the connection, whatever still comes.
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function secretsOf({ secret, previous }: Pick<Webhook, "secret" | "previous">): string[] {
  return previous === undefined ? [secret] : [secret, previous.secret];
}

/** Seconds, or a date: that is the endpoint's clock, so it is reckoned from the date of the answer, where it has one. */
function retryAfterOf({ "retry-after": asked = "", date }: IncomingHttpHeaders): number {
  if (/^\d+$/.test(asked)) return Number(asked) * 1_000;
  const at = Date.parse(asked);
  if (Number.isNaN(at)) return 0;
  const now = Date.parse(date ?? "");
  return Math.max(0, at - (Number.isNaN(now) ? Date.now() : now));
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof PrivateAddressError) return error.message;
  const { name, code } = error as NodeJS.ErrnoException;
  if (name === "AbortError" || name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  return code ?? "the connection failed";
}
