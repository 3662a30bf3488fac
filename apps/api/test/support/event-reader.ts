/** Reads server-sent events as they come. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";

export interface Told {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: { readonly workspace_id?: string; readonly payload?: Record<string, unknown> };
}

export class EventReader {
  readonly status: number;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #messages: Told[] = [];
  readonly #waiting: ((told: Told | undefined) => void)[] = [];
  #text = "";
  /** Resolves when the server ends the stream or cuts it off. */
  readonly ended: Promise<void>;
  /** Where the stream began. */
  startId: string | undefined;
  /** What the stream said of where the reader stands. */
  readonly positions: string[] = [];
  /** How many events came in whole. */
  received = 0;

  private constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.status = response.statusCode ?? 0;
    this.#request = outgoing;
    this.#response = response;
    this.ended = new Promise((resolve) => {
      response.once("close", () => {
        for (const give of this.#waiting.splice(0)) give(undefined);
        resolve();
      });
    });
    response.setEncoding("utf8").on("data", (piece: string) => this.#take(piece));
    response.on("error", () => {});
  }

  static open(port: number, path: string, headers: Record<string, string>): Promise<EventReader> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ host: "127.0.0.1", port, path, headers, agent: false }, (response) => {
        resolve(new EventReader(outgoing, response));
      });
      outgoing.once("error", reject);
      outgoing.end();
    });
  }

  /** The next event; undefined when the stream has ended. */
  async next(): Promise<Told | undefined> {
    const first = this.#messages.shift();
    if (first !== undefined) return first;
    if (this.#response.closed) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  close(): void {
    this.#request.destroy();
  }

  #take(piece: string): void {
    this.#text += piece;
    const messages = this.#text.split("\n\n");
    this.#text = messages.pop() ?? "";
    for (const message of messages) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(message)?.[1];
      const data = field("data");
      this.startId ??= field("id");
      if (data === undefined) continue;
      if (field("event") === "position") {
        this.positions.push(field("id") ?? "");
        continue;
      }
      const told = { event: field("event"), id: field("id"), data: JSON.parse(data) as Told["data"] };
      this.received += 1;
      const give = this.#waiting.shift();
      if (give === undefined) this.#messages.push(told);
      else give(told);
    }
  }
}
