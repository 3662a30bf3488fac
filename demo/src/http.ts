import { request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export interface Ask {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
}

/**
 * One request on a connection of its own. Rejects when no whole answer came. (A connection kept open may be closed by
 * its server at the very moment it is used again: that would look like a write nobody answered.)
 */
export function ask(url: string, { method, headers, body, timeoutMs }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request(url, { method, agent: false, signal, ...(headers && { headers }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("close", () => {
        if (!response.complete) reject(new Error("the connection was cut in the middle of the answer"));
        else resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    outgoing.once("error", (error) => {
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error);
    });
    outgoing.end(body);
  });
}
