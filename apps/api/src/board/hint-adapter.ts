import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import type { RestartCoordinator } from "@restart-coordinator/debounce";
import { type HintData, workspaceOfJob } from "@restart-coordinator/service";
import type { Job, Queue } from "bullmq";
import { describeActivity, describeJob } from "./description.ts";
import { removeStaleHints } from "./stale-hints.ts";

/** More than a page of the board is not looked up. */
const MOST_DESCRIBED = 100;
const EVENTS_TOLD = 50;

type Adapter = InstanceType<typeof BullMQAdapter>;

/** Shows hints as what they are about: the workspace's state, looked up when somebody looks, and its activity as the log. */
export class HintAdapter extends BullMQAdapter {
  readonly #queue: Queue<HintData>;
  readonly #coordinator: RestartCoordinator;

  constructor(queue: Queue<HintData>, coordinator: RestartCoordinator, options: { prefix: string }) {
    super(queue, options);
    this.#queue = queue;
    this.#coordinator = coordinator;
  }

  /** The board asks this first, each time that it looks. */
  override async getJobCounts(): ReturnType<Adapter["getJobCounts"]> {
    await removeStaleHints(this.#queue, this.#coordinator);
    return super.getJobCounts();
  }

  override async getJob(id: string): ReturnType<Adapter["getJob"]> {
    const job = await super.getJob(id);
    return job && (await this.#described(job as Job<HintData>));
  }

  override async getJobs(...args: Parameters<Adapter["getJobs"]>): ReturnType<Adapter["getJobs"]> {
    const jobs = (await super.getJobs(...args)) as Job<HintData>[];
    return Promise.all(jobs.map((job, i) => (i < MOST_DESCRIBED ? this.#described(job) : job)));
  }

  /** What happened to the workspace until now, then what the worker that holds this hint does. */
  override async getJobLogs(id: string): Promise<string[]> {
    const activity = await this.#coordinator.activity(workspaceOfJob(id), EVENTS_TOLD);
    return [...describeActivity(activity), ...(await super.getJobLogs(id))];
  }

  async #described(job: Job<HintData>): Promise<Job<HintData>> {
    const { workspaceId } = job.data;
    const workspace = await this.#coordinator.workspace(workspaceId);
    const { name, data } = describeJob(workspaceId, workspace);
    const { phase, dueAt } = workspace?.restart ?? {};
    // When the restart is due, whatever the hint was given for: who takes it earlier gives another for then.
    const isWaiting = job.delay > 0 && phase === "scheduled" && dueAt !== undefined;
    const delay = isWaiting ? Math.max(0, dueAt - job.timestamp) : job.delay;
    const toJSON = job.toJSON.bind(job);
    return Object.assign(job, { toJSON: () => ({ ...toJSON(), name, data, delay }) });
  }
}
