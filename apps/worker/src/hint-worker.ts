import { type HintData, LONGEST_BLOCK_MS } from "@restart-coordinator/service";
import { Worker } from "bullmq";

/** BullMQ's worker, which waits for no hint longer than a connection may be silent. By itself it waits for up to 10 s. */
export class HintWorker extends Worker<HintData> {
  override get maximumBlockTimeout(): number {
    return LONGEST_BLOCK_MS / 1_000;
  }
}
