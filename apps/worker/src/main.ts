import { runProcess, startTracing } from "@restart-coordinator/service/boot";

await runProcess(async () => {
  const tracing = await startTracing("restart-worker", process.env);
  // Only now: what is loaded before tracing has started cannot be instrumented.
  const { readEnvironment, workerEnvironment } = await import("@restart-coordinator/service");
  const { startWorker } = await import("./worker.ts");
  return startWorker(readEnvironment(workerEnvironment, process.env), tracing);
});
