/** One HTTP request, sent as it is written: `fetch` would tidy up paths like `/a/../b` before the server sees them. */
import { Agent, type IncomingHttpHeaders, request } from "node:http";

export interface Asked {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** An object goes as JSON; a string or bytes as they are. */
  readonly body?: Readonly<Record<string, unknown>> | readonly unknown[] | string | Buffer | undefined;
  readonly agent?: Agent | undefined;
  /** Hangs up once the headers are there: for an answer without an end. */
  readonly headersOnly?: boolean | undefined;
}

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body, where it is JSON. */
  readonly json: Body;
}

export async function send<Body>(port: number, method: string, path: string, asked: Asked): Promise<Answer<Body>> {
  const { token, body } = asked;
  const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
  const content = isRaw ? body : JSON.stringify(body);
  const isChunked = asked.headers?.["transfer-encoding"] === "chunked";
  const headers: Record<string, string | number> = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(!isRaw && { "content-type": "application/json" }),
    ...(content !== undefined && !isChunked && { "content-length": Buffer.byteLength(content) }),
    ...asked.headers,
  };
  // A connection each, unless told otherwise: none is left behind.
  const agent = asked.agent ?? new Agent({ keepAlive: false });
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, method, path, headers, agent }, (response) => {
      const pieces: Buffer[] = [];
      const isStream = response.headers["content-type"]?.startsWith("text/event-stream");
      if (asked.headersOnly && isStream) response.destroy().once("close", () => response.emit("end"));
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.once("error", reject);
      response.once("end", () => {
        const bytes = Buffer.concat(pieces);
        const text = bytes.toString("utf8");
        const isJson = /[/+]json\b/.test(response.headers["content-type"] ?? "");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          bytes,
          text,
          json: (isJson && text !== "" ? JSON.parse(text) : {}) as Body,
        });
      });
    });
    outgoing.once("error", reject);
    outgoing.end(content);
  });
}
