import type { Logger } from "pino";
import type { OnSpansLost } from "./tracing.ts";

const BETWEEN_LINES_MS = 60_000;

/** Makes what logs lost spans: at once, and then a line a minute at most, which says how many there were since the last. */
export function lossLog(logger: Logger, betweenLinesMs = BETWEEN_LINES_MS): OnSpansLost {
  let lost = 0;
  let quietUntil = 0;
  return (spans, reason) => {
    lost += spans;
    if (performance.now() < quietUntil) return;
    logger.warn({ spans: lost, reason }, "spans were lost: they did not reach the collector");
    quietUntil = performance.now() + betweenLinesMs;
    lost = 0;
  };
}
