/** Clients as they should be: they time out, go on to another replica, and repeat what is safe to repeat. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientAnswer, ClientReceipt, ClientRequest, Verb } from "../judge/evidence.ts";

const ANSWER_WITHIN_MS = 2_500;
const GIVE_UP_AFTER_MS = 12_000;
const AGAIN_AFTER_MS = 120;

export interface Call {
  readonly workspaceId: string;
  readonly verb: Verb;
  readonly source?: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** After /workspaces/{id}. */
  readonly path?: string;
  readonly body?: unknown;
  readonly raw?: boolean;
  readonly key?: string;
  /** Of a write: the path and what was written. */
  readonly written?: string;
}

/** An acknowledged call that carried a key. */
export interface KeyedCall {
  readonly call: Call;
  readonly request: ClientRequest;
}

interface Reply {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export class Client {
  /** The clients' own record: what the judge believes. */
  readonly requests: ClientRequest[] = [];
  readonly keyed: KeyedCall[] = [];
  /** Answers that nothing explains, such as a 500. */
  readonly surprises: string[] = [];
  readonly #urls: () => readonly string[];
  readonly #token: string;
  #turn = 0;

  constructor(urls: () => readonly string[], token: string) {
    this.#urls = urls;
    this.#token = token;
  }

  /** Sends once. Without an answer nobody knows what became of it. */
  async once(call: Call): Promise<ClientRequest> {
    return this.#note(call, Date.now(), await this.#try(call));
  }

  /** Repeats until somebody answers: for what may be done twice, or carries a key. */
  async persistently(call: Call): Promise<ClientRequest> {
    const sentAt = Date.now();
    let reply = await this.#try(call);
    while (reply === undefined && Date.now() - sentAt < GIVE_UP_AFTER_MS) {
      await sleep(AGAIN_AFTER_MS);
      reply = await this.#try(call);
    }
    const request = this.#note(call, sentAt, reply);
    if (call.key !== undefined && request.answer?.receipt !== undefined) this.keyed.push({ call, request });
    return request;
  }

  /** Reads; repeats until somebody answers. Undefined when the answer is an error. */
  async read(path: string): Promise<Record<string, unknown> | undefined> {
    for (;;) {
      const reply = await this.#send("GET", path, {}).catch(() => undefined);
      if (reply !== undefined && reply.status !== 503) return reply.status < 400 ? reply.body : undefined;
      await sleep(AGAIN_AFTER_MS);
    }
  }

  /** Sends an acknowledged call again and tells the id in its receipt, without a note. */
  async replay(call: Call): Promise<string | undefined> {
    for (let tries = 0; tries < 10; tries += 1) {
      const reply = await this.#try(call);
      if (reply !== undefined) return receiptIn(reply)?.triggerId;
    }
    return undefined;
  }

  static newKey(): string {
    return randomUUID();
  }

  #note(call: Call, sentAt: number, reply: (Reply & { at: number }) | undefined): ClientRequest {
    const { workspaceId, verb, source, written } = call;
    const answer = reply && answerOf(verb, reply);
    const of = { ...(source && { source }), ...(written && { written }) };
    const request = { workspaceId, verb, sentAt, ...of, ...(answer && { answer }) };
    this.requests.push(request);
    return request;
  }

  /** Undefined when there was no answer, or none that says what became of it. */
  async #try(call: Call): Promise<(Reply & { at: number }) | undefined> {
    const { method, path = "", body, raw, key, workspaceId } = call;
    try {
      const reply = await this.#send(method, `/workspaces/${workspaceId}${path}`, {
        ...(body !== undefined && { body: raw ? String(body) : JSON.stringify(body) }),
        headers: {
          ...(body !== undefined && { "content-type": raw ? "application/octet-stream" : "application/json" }),
          ...(key !== undefined && { "idempotency-key": key }),
        },
      });
      const isExpected = reply.status < 300 || [404, 409, 503].includes(reply.status);
      if (!isExpected) {
        this.surprises.push(`${method} ${workspaceId}${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
      }
      return reply.status >= 500 ? undefined : { ...reply, at: Date.now() };
    } catch {
      return undefined;
    }
  }

  async #send(method: string, path: string, init: { body?: string; headers?: Record<string, string> }): Promise<Reply> {
    const urls = this.#urls();
    if (urls.length === 0) throw new Error("no replica is up");
    this.#turn += 1;
    const response = await fetch(`${urls[this.#turn % urls.length]}${path}`, {
      method,
      ...(init.body !== undefined && { body: init.body }),
      headers: { ...init.headers, authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
}

function answerOf(verb: Verb, reply: Reply & { at: number }): ClientAnswer {
  const receipt = receiptIn(reply);
  const { at, status, body } = reply;
  const canceled = verb === "cancel" && status < 300 ? body.canceled !== 0 || body.stopping === true : undefined;
  return { at, status, ...(receipt && { receipt }), ...(canceled !== undefined && { canceled }) };
}

/** The body itself, or where file routes and refusals put it. */
function receiptIn({ body }: Reply): ClientReceipt | undefined {
  const found = [body, body.restart, body.receipt].find(
    (part) => typeof part === "object" && part !== null && "triggerId" in part,
  );
  if (found === undefined) return undefined;
  const { triggerId, decision, rule, generation } = found as ClientReceipt;
  return { triggerId, decision, rule, generation };
}
