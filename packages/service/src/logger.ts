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
  return pino({
    name,
    level,
    redact: { paths: SECRETS, censor: "[redacted]" },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
