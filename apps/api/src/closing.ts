import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Past this, connections still open at a stop are cut, ms. */
const STOP_WITHIN_MS = 10_000;

/**
 * Gives the server a stop that takes no new request, not even on a connection it already has, and resolves once the
 * answers under way are sent.
 */
export function closing(server: Server): () => Promise<void> {
  /**
   * Each connection's newest answer under way, the last to be sent. Not a Set of answers: a table it has outgrown holds
   * them, and all that hangs on them, until a full collection.
   */
  const connections = new Map<Socket, ServerResponse | undefined>();

  server.on("connection", (socket) => {
    connections.set(socket, undefined);
    socket.once("close", () => connections.delete(socket));
  });
  function forget(this: ServerResponse): void {
    const { socket } = this.req;
    if (connections.get(socket) === this) connections.set(socket, undefined);
  }
  server.prependListener("request", ({ socket }, response) => {
    if (!connections.has(socket)) return;
    connections.set(socket, response);
    response.on("close", forget);
  });

  return () =>
    new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const [socket, newest] of connections) {
        if (newest === undefined) {
          socket.destroy();
          continue;
        }
        newest.once("close", () => socket.destroySoon());
        if (!newest.headersSent) newest.setHeader("Connection", "close");
      }
    });
}
