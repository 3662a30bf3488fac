import { runProcess, startTracing } from "@restart-coordinator/service/boot";

await runProcess(async () => {
  const tracing = await startTracing("restart-api", process.env);
  // Only now: what is loaded before tracing has started cannot be instrumented.
  const { readEnvironment, apiEnvironment } = await import("@restart-coordinator/service");
  const { startApi } = await import("./server.ts");
  return startApi(readEnvironment(apiEnvironment, process.env), tracing);
});
