/** A log is where a worker tells what it does: pino's logger is one, and so is a small object of your own. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
