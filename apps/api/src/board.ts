import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { ExpressAdapter } from "@bull-board/express";
import type { HintQueues } from "@restart-coordinator/service";
import type { RequestHandler } from "express";

export const BOARD_PATH = "/admin/queues";

/**
 * Bull Board over the hint queues, to look at. Its buttons would act on hints, which carry no truth, so they are off:
 * what a person wants done goes through the API.
 */
export function bullBoard(hints: HintQueues): RequestHandler {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(BOARD_PATH);
  createBullBoard({
    // The queues of all shards have one name, and the board shows one queue of a name.
    queues: hints.queues.map((queue, shard) => {
      const prefix = hints.queues.length > 1 ? `${shard}-` : "";
      return new BullMQAdapter(queue, { readOnlyMode: true, prefix });
    }),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: "restart-coordinator" } },
  });
  return adapter.getRouter() as RequestHandler;
}
