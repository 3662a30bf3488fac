/**
 * A line to a local port whose faults a test decides on: it falls silent without a word, and later delivers what it held
 * back, or breaks.
 */
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** What came while it was silent, in order. */
  readonly held: { readonly to: Socket; readonly bytes: Buffer }[];
  isSilent: boolean;
}

export class Line {
  readonly port: number;
  /** Changes what the server says. */
  rewrite: (bytes: Buffer) => Buffer = (bytes) => bytes;
  /** The first byte that came over each connection. */
  readonly firstBytes: number[] = [];
  readonly #server: Server;
  #target: number;
  readonly #pairs = new Set<Pair>();
  #isSilent = false;

  static async to(port: number): Promise<Line> {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Line(server, port);
  }

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as { port: number }).port;
    server.on("connection", (near) => this.#join(near, connect({ port: this.#target, host: "127.0.0.1" })));
  }

  /** As REDIS_URL takes it. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** How many connections stand now. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** How many bytes are held back now. */
  get heldBytes(): number {
    return [...this.#pairs].reduce((sum, { held }) => sum + held.reduce((own, { bytes }) => own + bytes.length, 0), 0);
  }

  /** New connections lead to another port, those of now stay: as with an address that was given to another server. */
  leadTo(port: number): void {
    this.#target = port;
  }

  /** The connections of now stay open and carry nothing any more; new ones do. */
  freeze(): void {
    for (const pair of this.#pairs) pair.isSilent = true;
  }

  /** Nothing comes through, over new connections either; neither side is told. */
  silence(): void {
    this.#isSilent = true;
    this.freeze();
  }

  /** Everything that was held back comes through, also what was sent over connections that its sender has given up. */
  heal(): void {
    this.#isSilent = false;
    for (const pair of this.#pairs) {
      pair.isSilent = false;
      for (const { to, bytes } of pair.held.splice(0)) to.write(bytes);
      if (pair.near.readableEnded) pair.far.end();
    }
  }

  /** What was held back is lost, and every connection breaks; new ones work. */
  reset(): void {
    this.#isSilent = false;
    for (const { near, far, held } of this.#pairs) {
      held.length = 0;
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  #join(near: Socket, far: Socket): void {
    const pair: Pair = { near, far, held: [], isSilent: this.#isSilent };
    this.#pairs.add(pair);
    near.once("data", (bytes: Buffer) => this.firstBytes.push(bytes[0] as number));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (bytes: Buffer) => {
        const said = from === far ? this.rewrite(bytes) : bytes;
        if (pair.isSilent) pair.held.push({ to, bytes: said });
        else to.write(said);
      });
      from.on("error", () => {});
      // The end of a connection is not carried either while the line is silent.
      from.on("end", () => {
        if (!pair.isSilent) to.end();
      });
      from.on("close", () => {
        if (pair.isSilent && from === near) return;
        this.#pairs.delete(pair);
        to.destroySoon();
      });
    }
  }

  close(): void {
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }
}
