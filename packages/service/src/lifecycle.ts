import type { Logger } from "pino";
import { ConfigurationError } from "./configuration-error.ts";

/** A part of a process. `stop` may be called before `start` has finished, and twice. */
export interface Service {
  stop(): Promise<void>;
}

/**
 * Runs a process from start to signal: SIGTERM or SIGINT stops it cleanly and ends with code 0; a second one ends it at
 * once. A configuration that cannot work is told in plain words.
 */
export async function runService(start: () => Promise<{ service: Service; logger: Logger }>): Promise<void> {
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
