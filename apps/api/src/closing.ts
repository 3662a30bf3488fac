import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Past this, connections still open at a stop are cut, ms. */
const STOP_WITHIN_MS = 10_000;

/**
 * Gives the server a stop that takes no new request, not even on a connection it already has, and resolves once the
 * answers under way are sent.
 */
export function closing(server: Server): () => Promise<void> {
  const connections = new Map<Socket, Set<ServerResponse>>();
  let isClosing = false;

  server.on("connection", (socket) => {
    connections.set(socket, new Set());
    socket.once("close", () => connections.delete(socket));
  });
  server.prependListener("request", ({ socket }, response) => {
    const underWay = connections.get(socket);
    underWay?.add(response);
    response.once("close", () => {
      underWay?.delete(response);
      if (isClosing) socket.destroySoon();
    });
  });

  return () =>
    new Promise((resolve) => {
      isClosing = true;
      const cut = setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const [socket, underWay] of connections) {
        if (underWay.size === 0) socket.destroy();
        for (const response of underWay) if (!response.headersSent) response.setHeader("Connection", "close");
      }
    });
}
