import { readEnvironment, runService, workerEnvironment } from "@restart-coordinator/service";
import { startWorker } from "./worker.ts";

await runService(async () => startWorker(readEnvironment(workerEnvironment, process.env)));
