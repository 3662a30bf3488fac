/**
 * The network between one worker and one server. It can hold what is under way and deliver it much later, even when the
 * sender is dead by then: what a partition, or a long queue somewhere, does to a call that was already made.
 */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #latencyMs: number;
  #heldUntil = 0;

  /** `latencyMs`: every message takes up to so long. */
  static async to(target: string, latencyMs: number): Promise<Link> {
    const link = new Link(new URL(target), latencyMs);
    await new Promise<void>((resolve) => link.#server.listen(0, "127.0.0.1", resolve));
    return link;
  }

  private constructor(target: URL, latencyMs: number) {
    this.#latencyMs = latencyMs;
    this.#server = createServer((near) => {
      const far = dial(Number(target.port), target.hostname);
      this.#forward(near, far);
      this.#forward(far, near);
    });
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the link is closed");
    return `redis://127.0.0.1:${address.port}`;
  }

  /** Nothing comes through for a while, in neither direction; then everything does, in order. */
  async hold(forMs: number): Promise<void> {
    this.#heldUntil = Math.max(this.#heldUntil, performance.now() + forMs);
    await sleep(forMs);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #forward(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("error", () => {});
    let delivered: Promise<void> = Promise.resolve();
    const inTurn = (deliver: () => void): void => {
      const at = performance.now() + Math.random() * this.#latencyMs;
      delivered = delivered.then(async () => {
        for (;;) {
          const wait = Math.max(at, this.#heldUntil) - performance.now();
          if (wait <= 0) break;
          await sleep(wait);
        }
        if (!to.destroyed) deliver();
      });
    };
    from.on("data", (chunk: Buffer) => inTurn(() => to.write(chunk)));
    from.once("close", () => {
      this.#sockets.delete(from);
      inTurn(() => to.destroySoon());
    });
  }
}
