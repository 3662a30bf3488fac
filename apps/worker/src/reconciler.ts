import type { RestartCoordinator } from "@restart-coordinator/debounce";
import type { Logger } from "pino";
import type { CreatedProvisioner } from "./provisioners/create.ts";

export interface ReconcilerOptions {
  readonly reconcile: NonNullable<CreatedProvisioner["reconcile"]>;
  readonly coordinator: RestartCoordinator;
  /** Between two passes, ms. */
  readonly intervalMs: number;
  readonly logger: Logger;
}

/** Compares, now and then, what runs with what is recorded. Every worker does: what it finds is told, not acted on twice. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  start(): void {
    const { intervalMs } = this.#options;
    if (intervalMs > 0 && !this.#stopped) this.#timer = setTimeout(() => void this.#pass(), intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #pass(): Promise<void> {
    const { reconcile, logger } = this.#options;
    await reconcile(() => this.#records()).catch((error: unknown) => {
      if (!this.#stopped) logger.warn({ err: error }, "could not compare what runs with what is recorded");
    });
    this.start();
  }

  async #records() {
    const records = [];
    for await (const { id, snapshot } of this.#options.coordinator.registry.snapshots()) {
      const { workspace, state, journal } = snapshot;
      records.push({
        workspaceId: id,
        instance: parsed(workspace.instance),
        journals: journal === undefined ? [] : [parsed(journal)],
        busy: state.cycle !== undefined,
      });
    }
    return records;
  }
}

function parsed(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}
