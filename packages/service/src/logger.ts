import { type Logger, pino } from "pino";
import { build as pretty } from "pino-pretty";

/** Never in a log line, wherever it stands. A spec may hold anything that a workspace must know. */
const SECRETS = ["authorization", "token", "password", "cookie", "spec", "env", "userData"].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** JSON, a line for each; for a person at a terminal, in colours instead. */
export function createLogger(name: string, level: string, forPeople = process.stdout.isTTY === true): Logger {
  const options = {
    name,
    level,
    redact: { paths: SECRETS, censor: "[redacted]" },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Line by line: what is written in the background is out of order, or lost, when the process ends.
  if (forPeople) return pino(options, pretty({ sync: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" }));
  return pino(options, pino.destination({ fd: 1, sync: true }));
}
