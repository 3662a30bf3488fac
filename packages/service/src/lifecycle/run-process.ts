import type { Logger } from "pino";
import { ConfigurationError } from "../configuration-error.ts";
import type { Service } from "./service.ts";

/** A process that runs. */
export interface Started {
  readonly service: Pick<Service, "stop">;
  readonly logger: Logger;
}

/**
 * Runs a process from start to signal: SIGTERM or SIGINT stops it cleanly and ends with code 0; a second one ends it at
 * once. A configuration that cannot work is told in plain words.
 */
export async function runProcess(start: () => Promise<Started>): Promise<void> {
  try {
    const { service, logger } = await start();
    let stopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(1);
      stopping = true;
      logger.info({ signal }, "stopping");
      service.stop().then(
        () => {
          logger.info("stopped");
          process.exit(0);
        },
        (error: unknown) => {
          logger.error({ err: error }, "could not stop cleanly");
          process.exit(1);
        },
      );
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigurationError ? error.message : (error as Error).stack}\n`);
    process.exit(1);
  }
}
