/** What people, and bugs, do to the hints in the queue: none of it may matter. */
import { createKeySpace } from "@restart-coordinator/debounce";
import { HINT_JOB, HintQueues } from "@restart-coordinator/service";
import type { Job, Queue } from "bullmq";
import { Redis } from "ioredis";

const PREFIX = "rc";

export class HintMeddler {
  readonly #redis: Redis;
  readonly #hints: HintQueues;

  constructor(url: string, shards: number) {
    this.#redis = new Redis(url, { maxRetriesPerRequest: null });
    this.#redis.on("error", () => {});
    this.#hints = new HintQueues(this.#redis, createKeySpace(PREFIX, shards));
  }

  async wipe(): Promise<string> {
    for (const queue of this.#hints.queues) await queue.obliterate({ force: true });
    return "wiped";
  }

  /** Every second one that waits or is delayed. */
  async drop(): Promise<string> {
    const jobs = await this.#jobs("wait", "delayed", "prioritized");
    const dropped = jobs.filter((_, n) => n % 2 === 0);
    return `${await count(dropped, (job) => job.remove())} dropped`;
  }

  /** Several for workspaces that have one, and for some that have none. */
  async duplicate(workspaceIds: readonly string[]): Promise<string> {
    const hinted = (await this.#jobs("wait", "delayed", "active")).map(({ data }) => data.workspaceId);
    // A broken one names none.
    const ids = [...new Set([...hinted, ...workspaceIds])].filter((id) => id !== undefined);
    const opts = { removeOnComplete: true, removeOnFail: { count: 100 } };
    for (const workspaceId of ids) {
      // Past the queue of hints, which takes one only.
      const jobs = [1, 2, 3].map((n) => ({
        name: HINT_JOB,
        data: { workspaceId },
        opts: { ...opts, jobId: `${workspaceId}@again-${Date.now()}-${n}` },
      }));
      await this.#hints.queueOf(workspaceId).addBulk(jobs);
    }
    return `${3 * ids.length} added`;
  }

  async promote(): Promise<string> {
    return `${await count(await this.#jobs("delayed"), (job) => job.promote())} promoted`;
  }

  /** Retries those that failed, with one among them that can never work. */
  async retry(): Promise<string> {
    const queue = this.#hints.queues[0] as Queue;
    await queue.add(HINT_JOB, {}, { jobId: `broken@${Date.now()}`, removeOnFail: { count: 100 } });
    for (let waits = 0; waits < 20 && (await queue.getFailedCount()) === 0; waits += 1) {
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return `${await count(await this.#jobs("failed"), (job) => job.retry())} retried`;
  }

  /** Takes the lock of running jobs away, and the jobs too: their workers find out when they end. */
  async steal(): Promise<string> {
    const jobs = await this.#jobs("active");
    for (const [n, job] of jobs.entries()) {
      if (job.id === undefined) continue;
      const queue = this.#hints.queues.find(({ qualifiedName }) => qualifiedName === job.queueQualifiedName);
      if (queue !== undefined) await this.#redis.del(`${queue.toKey(job.id)}:lock`);
      if (n % 2 === 0) await job.remove().catch(() => {});
    }
    return `${jobs.length} taken from their workers`;
  }

  /** All connections of all processes but this one. */
  async disconnectAll(): Promise<string> {
    return `${await this.#redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")} connections cut`;
  }

  async close(): Promise<void> {
    await this.#hints.stop();
    this.#redis.disconnect();
  }

  async #jobs(...states: ("wait" | "delayed" | "active" | "failed" | "prioritized")[]): Promise<Job[]> {
    const lists = await Promise.all(this.#hints.queues.map((queue) => queue.getJobs(states)));
    // A job may go between the list and its reading.
    return lists.flat().filter((job) => job !== undefined && job !== null) as unknown as Job[];
  }
}

async function count(jobs: readonly Job[], act: (job: Job) => Promise<unknown>): Promise<number> {
  const results = await Promise.allSettled(jobs.map(act));
  return results.filter(({ status }) => status === "fulfilled").length;
}
