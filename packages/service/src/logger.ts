import { type Logger, pino } from "pino";

/** Never in a log line, wherever it stands. */
const SECRETS = [
  "authorization",
  "token",
  "password",
  "*.authorization",
  "*.token",
  "*.password",
  "req.headers.authorization",
  "req.headers.cookie",
];

export function createLogger(name: string, level: string): Logger {
  const options = {
    name,
    level,
    redact: { paths: SECRETS, censor: "[redacted]" },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Line by line: what is written in the background is out of order, or lost, when the process ends.
  return pino(options, pino.destination({ fd: 1, sync: true }));
}
