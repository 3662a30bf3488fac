import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Address, type ApiEnvironment, BackgroundService, listen } from "@restart-coordinator/service";

/** Past this, connections still open at a stop are cut, ms. */
const CUT_AFTER_MS = 10_000;

/**
 * The HTTP service listens for as long as it is up. Its stop takes no new request, not even on a connection it already
 * has, and resolves once the answers under way are sent.
 */
export class HttpService extends BackgroundService {
  readonly #server: Server;
  readonly #config: Pick<ApiEnvironment, "HOST" | "PORT">;
  #address: Address | undefined;
  /**
   * Each connection's newest answer under way, the last to be sent. Not a Set of answers: a table it has outgrown holds
   * them, and all that hangs on them, until a full collection.
   */
  readonly #connections = new Map<Socket, ServerResponse | undefined>();

  constructor(server: Server, config: Pick<ApiEnvironment, "HOST" | "PORT">) {
    super("the requests under way", { stopWithinMs: CUT_AFTER_MS + 1_000 });
    this.#server = server;
    this.#config = config;
    this.#keepTrack();
  }

  /** Tells where it listens. @throws Error before it does */
  get address(): Address {
    if (this.#address === undefined) throw new Error("the server listens nowhere yet");
    return this.#address;
  }

  /** Begins to listen. @throws ConfigurationError when the port is taken */
  protected override async up(): Promise<void> {
    this.#address = await listen(this.#server, this.#config.HOST, this.#config.PORT, "PORT");
  }

  protected override async down(): Promise<void> {
    const cut = setTimeout(() => this.#server.closeAllConnections(), CUT_AFTER_MS);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const [socket, newest] of this.#connections) {
      if (newest === undefined) {
        socket.destroy();
        continue;
      }
      newest.once("close", () => socket.destroySoon());
      if (!newest.headersSent) newest.setHeader("Connection", "close");
    }
    await closed;
    clearTimeout(cut);
  }

  #keepTrack(): void {
    const connections = this.#connections;
    this.#server.on("connection", (socket) => {
      connections.set(socket, undefined);
      socket.once("close", () => connections.delete(socket));
    });
    function forget(this: ServerResponse): void {
      const { socket } = this.req;
      if (connections.get(socket) === this) connections.set(socket, undefined);
    }
    this.#server.prependListener("request", ({ socket }, response) => {
      if (!connections.has(socket)) return;
      connections.set(socket, response);
      response.on("close", forget);
    });
  }
}
