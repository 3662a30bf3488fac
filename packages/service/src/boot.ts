/**
 * A process imports this before all else. It loads no library: tracing must come before what it instruments, and is not
 * loaded at all unless it is configured.
 */
export { runProcess } from "./lifecycle/run-process.ts";
export { startTracing } from "./tracing/start.ts";
