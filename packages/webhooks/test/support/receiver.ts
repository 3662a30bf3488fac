/** An endpoint as somebody else would have one: a real server that keeps what it is sent. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook as Verifier } from "standardwebhooks";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> };
}

/** What to answer; undefined = nothing, for as long as the sender waits. */
export type Answer = (received: Received, count: number) => number | [number, Record<string, string>] | undefined;

export class Receiver {
  readonly received: Received[] = [];
  answer: Answer = () => 204;
  readonly #server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString();
    const { url: path = "", headers } = request;
    const received = { path, headers, body, json: JSON.parse(body) as Received["json"] };
    this.received.push(received);
    respond(response, this.answer(received, this.received.length));
    for (const look of this.#waiting) look();
  });
  readonly #waiting = new Set<() => void>();

  static async listen(): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once so many have come. */
  async until(count: number): Promise<readonly Received[]> {
    return this.#wait(() => this.received.length >= count);
  }

  /** The ids that were taken, in the order they came first. */
  get ids(): string[] {
    return [...new Set(this.received.map(({ headers }) => String(headers["webhook-id"])))];
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #wait(isThere: () => boolean): Promise<readonly Received[]> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isThere()) return;
        this.#waiting.delete(look);
        resolve(this.received);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** @throws when the signature is not the secret's, or too old */
export function verify(secret: string, { body, headers }: Received): unknown {
  return new Verifier(secret).verify(body, headers as Record<string, string>);
}

function respond(response: ServerResponse, answer: ReturnType<Answer>): void {
  if (answer === undefined) return;
  const [status, headers] = Array.isArray(answer) ? answer : [answer, {}];
  response.writeHead(status, headers).end();
}
