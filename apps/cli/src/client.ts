/** Asks the API. Whatever goes wrong becomes a Failure that says what to do. */
import { EventSourceParserStream } from "eventsource-parser/stream";
import { EXIT, exitCodeOf, Failure } from "./exit-codes.ts";

export interface ClientOptions {
  /** Where the API is, such as https://restarts.example.com. */
  readonly url: string;
  readonly token: string | undefined;
}

export interface Asked {
  /** An object goes as JSON, bytes as they are. */
  readonly body?: Readonly<Record<string, unknown>> | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** How long the answer may take, ms. */
  readonly timeoutMs?: number;
}

export interface Message {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Readonly<Record<string, unknown>>;
}

const USUAL_TIMEOUT_MS = 30_000;
const AGAIN_AFTER_MS = 1_000;
const MOST_FAILURES = 30;

export class Client {
  readonly #options: ClientOptions;
  /** What the server's clock is ahead of ours, ms; known after the first answer, to the second. */
  aheadMs = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Now, by the server's clock, ms. */
  now(): number {
    return Date.now() + this.aheadMs;
  }

  /** @throws Failure */
  async ask<Body>(method: string, path: string, asked: Asked = {}): Promise<Body> {
    const { body, headers = {}, timeoutMs = USUAL_TIMEOUT_MS } = asked;
    const type = Buffer.isBuffer(body) ? "application/octet-stream" : "application/json";
    const response = await this.#fetch(path, asked.query, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": type }) },
      ...(body !== undefined && { body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return (await this.#json(response)) as Body;
  }

  /** The bytes that are answered. @throws Failure */
  async download(path: string): Promise<Buffer> {
    const response = await this.#fetch(path, {}, { signal: AbortSignal.timeout(USUAL_TIMEOUT_MS) });
    if (!response.ok) await this.#json(response);
    const bytes = await response.arrayBuffer().catch((error: unknown) => {
      throw this.#away(error);
    });
    return Buffer.from(bytes);
  }

  /**
   * Asks again while the server is away, for half a minute: for what goes on whatever the server does. `onAway` is told
   * once. @throws Failure
   */
  async askPatiently<Body>(method: string, path: string, asked: Asked, onAway: () => void): Promise<Body> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.ask<Body>(method, path, asked);
      } catch (error) {
        if (!isAway(error) || failures >= MOST_FAILURES) throw error;
        if (failures === 0) onAway();
        await pause();
      }
    }
  }

  /**
   * Server-sent events from now on, through outages of the server of half a minute each: after the first "position" none is
   * missed. "away" comes at the beginning of an outage. @throws Failure
   */
  async *eventsPatiently(
    path: string,
    { query, signal }: { query?: Asked["query"]; signal: AbortSignal },
  ): AsyncGenerator<Message> {
    let lastId: string | undefined;
    for (let failures = 0; ; failures += 1) {
      try {
        for await (const message of this.#events(path, { query, lastId, signal })) {
          failures = 0;
          lastId = message.id ?? lastId;
          yield message;
        }
      } catch (error) {
        // A stream that breaks off is taken up again; one that never began is not there.
        if (lastId === undefined || !isAway(error) || failures >= MOST_FAILURES) throw error;
      }
      if (failures === 0) yield { event: "away", id: undefined, data: {} };
      await pause();
    }
  }

  /** From now on, or after `lastId`; ends when the server ends them. @throws Failure */
  async *#events(
    path: string,
    { query, lastId, signal }: { query?: Asked["query"]; lastId: string | undefined; signal: AbortSignal },
  ): AsyncGenerator<Message> {
    const headers = { accept: "text/event-stream", ...(lastId !== undefined && { "last-event-id": lastId }) };
    const response = await this.#fetch(path, query, { headers, signal });
    if (!response.ok || response.body === null) await this.#json(response);
    const bytes = response.body as unknown as import("node:stream/web").ReadableStream<Uint8Array>;
    const messages = bytes
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream() as unknown as TransformStream<string, RawMessage>);
    try {
      for await (const { event = "message", id, data } of messages) {
        // The server is there, to say that it cannot tell anything.
        if (event === "unavailable") throw new Error("it does not reach Redis");
        yield { event, id, data: JSON.parse(data) as Message["data"] };
      }
    } catch (error) {
      throw signal.aborted ? error : this.#away(error);
    }
  }

  async #fetch(path: string, query: Asked["query"], init: RequestInit): Promise<Response> {
    const { token } = this.#options;
    const url = this.#urlOf(path, query);
    const headers = { ...init.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    try {
      const response = await fetch(url, { ...init, headers, redirect: "error" });
      const date = Date.parse(response.headers.get("date") ?? "");
      // The header has no fractions of a second: less than one is no difference.
      const aheadMs = date - Date.now();
      if (Number.isFinite(aheadMs)) this.aheadMs = Math.abs(aheadMs) < 2_000 ? 0 : aheadMs;
      return response;
    } catch (error) {
      if (init.signal?.aborted && (init.signal.reason as Error)?.name !== "TimeoutError") throw error;
      throw this.#away(error);
    }
  }

  #urlOf(path: string, query: Asked["query"]): URL {
    const { url: base } = this.#options;
    if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
      throw new Failure(EXIT.usage, `the server's URL: expected http:// or https://, got "${base}"`);
    }
    const url = new URL(`${base.replace(/\/+$/, "")}${path}`);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  async #json(response: Response): Promise<unknown> {
    const text = await response.text().catch((error: unknown) => {
      throw this.#away(error);
    });
    const body = parsed(text);
    if (response.ok && body !== undefined) return body;
    const { status } = response;
    if (response.ok)
      throw new Failure(EXIT.unexpected, "the server's answer is no JSON: is this the coordinator's URL?");
    const detail = (body as { detail?: string } | undefined)?.detail ?? `the server answered ${status}`;
    const hint = status === 401 ? "; set RESTARTCTL_TOKEN, or RESTARTCTL_TOKEN_FILE or --token-file" : "";
    throw new Failure(exitCodeOf(status), `${detail}${hint}`, body);
  }

  #away(error: unknown): Failure {
    const { cause, name, message } = error as Error & { cause?: { code?: string; message?: string } };
    const why = name === "TimeoutError" ? "no answer in time" : (cause?.code ?? cause?.message ?? message);
    const origin = new URL(this.#options.url).origin;
    return new Failure(
      EXIT.away,
      `cannot reach ${origin} (${why}): does the API run, and is RESTARTCTL_URL or --url right?`,
    );
  }
}

function isAway(error: unknown): boolean {
  return error instanceof Failure && error.code === EXIT.away;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
}

interface RawMessage {
  readonly event?: string;
  readonly id?: string;
  readonly data: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
