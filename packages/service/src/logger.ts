import { type Logger, pino } from "pino";
import { build as pretty } from "pino-pretty";
import { CENSOR, redacted, SECRETS } from "./redaction.ts";

/** Makes a logger that writes JSON, a line for each; for a person at a terminal, in colours instead. */
export function createLogger(name: string, level: string, forPeople = process.stdout.isTTY === true): Logger {
  const options = {
    name,
    level,
    // pino's own wildcards would cost more than all the rest of a line: they copy each field, plain texts too.
    redact: { paths: [...SECRETS], censor: CENSOR },
    formatters: { log: withoutNestedSecrets },
    serializers: { err: (error: Error) => redacted(pino.stdSerializers.err(error)) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // Line by line: what is written in the background is out of order, or lost, when the process ends.
  if (forPeople) return pino(options, pretty({ sync: true, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" }));
  return pino(options, pino.destination({ fd: 1, sync: true }));
}

function withoutNestedSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const name in fields) {
    const value = fields[name];
    // Its serializer, which comes later, needs the error itself.
    if (typeof value !== "object" || name === "err") continue;
    const shown = redacted(value);
    if (shown === value) continue;
    copy ??= { ...fields };
    copy[name] = shown;
  }
  return copy ?? fields;
}
