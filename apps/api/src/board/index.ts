import { createBullBoard } from "@bull-board/api";
import { ExpressAdapter } from "@bull-board/express";
import { type RequestHandler, Router } from "express";
import type { Mount } from "../route.ts";
import { type BoardParts, boardActions, boardProblems } from "./actions.ts";
import { HintAdapter } from "./hint-adapter.ts";

/** Bull Board over the hint queues. What it shows is looked up in Redis' truth; what its buttons do, the coordinator does. */
export const board: Mount = {
  path: "/admin/queues",
  scope: "operate",
  handlers: (parts) => [pagesOf(parts), boardProblems],
};

function pagesOf(parts: BoardParts): RequestHandler {
  const { coordinator, hints } = parts;
  const adapter = new ExpressAdapter();
  adapter.setBasePath(board.path);
  createBullBoard({
    // The queues of all shards have one name, and the board shows one queue of a name.
    queues: hints.queues.map((queue, shard) => {
      const prefix = hints.queues.length > 1 ? `${shard}-` : "";
      return new HintAdapter(queue, coordinator, { prefix });
    }),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "restart-coordinator" } },
  });
  return Router().use(boardActions(parts), adapter.getRouter() as RequestHandler);
}
