import { isLeaderAlive, type ProcessRecord } from "./identity.ts";

/** Between two looks at the processes that other workers have launched, ms: each is one small read of /proc. */
const LOOK_EVERY_MS = 500;

/**
 * A death watch tells at once when a workspace's process on this host dies. Of a process that this worker launched the kernel
 * tells; those that others launched, or this one before it was started anew, are looked at twice a second.
 */
export class DeathWatch {
  readonly #told: (workspaceId: string) => void;
  readonly #watched = new Map<string, ProcessRecord>();
  /** How processes ended, by workspace; of its last one. */
  readonly #ends = new Map<string, { readonly pid: number; readonly how: string }>();
  readonly #own = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(told: (workspaceId: string) => void) {
    this.#told = told;
  }

  /** Watches a process that this worker has launched. */
  launched(workspaceId: string, record: ProcessRecord, exited: Promise<string>): void {
    this.#own.set(workspaceId, record.pid);
    this.#watched.delete(workspaceId);
    void exited.then((how) => {
      if (this.#own.get(workspaceId) !== record.pid) return;
      this.#own.delete(workspaceId);
      this.#ends.set(workspaceId, { pid: record.pid, how });
      this.#told(workspaceId);
    });
  }

  /** Watches a process that was seen alive, unless its end is told anyway. */
  sawAlive(workspaceId: string, record: ProcessRecord): void {
    this.#ends.delete(workspaceId);
    if (this.#own.get(workspaceId) === record.pid) return;
    this.#watched.set(workspaceId, record);
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** How a process ended ("status 1", "SIGKILL"), as far as this worker knows. */
  endOf(workspaceId: string, { pid }: ProcessRecord): string | undefined {
    const end = this.#ends.get(workspaceId);
    return end?.pid === pid ? end.how : undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#watched.clear();
    this.#own.clear();
  }

  #look(): void {
    for (const [workspaceId, record] of this.#watched) {
      if (isLeaderAlive(record)) continue;
      this.#watched.delete(workspaceId);
      this.#told(workspaceId);
    }
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
