import { apiEnvironment, readEnvironment, runService } from "@restart-coordinator/service";
import { startApi } from "./server.ts";

await runService(async () => startApi(readEnvironment(apiEnvironment, process.env)));
