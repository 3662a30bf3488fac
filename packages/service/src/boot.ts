/**
 * What a process imports before all else. It loads no library: tracing must come before what it instruments, and is not
 * loaded at all unless it is configured.
 */
export { runService, type Service } from "./lifecycle.ts";
export { startTracing, type Tracing } from "./tracing/start.ts";
