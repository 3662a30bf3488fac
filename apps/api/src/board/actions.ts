/**
 * The board's buttons. Hints carry no truth, so promoting, retrying or removing one means what a person expects of it
 * only when the coordinator does it. A queue that was paused from outside may be resumed; every other button is refused, with
 * the reason on the page.
 */
import type { FlushResult, RestartCoordinator } from "@restart-coordinator/debounce";
import { type HintQueues, workspaceOfJob } from "@restart-coordinator/service";
import type { Job } from "bullmq";
import { type ErrorRequestHandler, type Request, type Response, Router } from "express";
import { actorOf } from "../context.ts";
import { logDecision } from "../decision-log.ts";
import { workspaceId } from "../input.ts";
import { asProblem, Problem, sendProblem } from "../problem.ts";

export interface BoardParts {
  readonly coordinator: RestartCoordinator;
  readonly hints: HintQueues;
}

const JOB = "/api/queues/:queue/:job";

export function boardActions({ coordinator, hints }: BoardParts): Router {
  const router = Router();

  router.put(`${JOB}/promote`, async (request, response) => {
    const { id, job } = await find(hints, request);
    const result = await coordinator.verbs.flush(id, { actor: actorOf(response.locals.caller) });
    if (result.kind !== "flushed") throw notPossible("Nothing was promoted", whyNotFlushed(id, result));
    await done(job, response);
  });

  router.put(`${JOB}/retry`, async (request, response) => {
    const { id, job } = await find(hints, request);
    const actor = actorOf(response.locals.caller);
    const reason = "retried on the board";
    const receipt = await coordinator.trigger(id, { source: "manual", reason, actor, onHold: "refuse" });
    logDecision({ request, response }, receipt, { reason, actor });
    const { decision, rule } = receipt;
    if (decision === "refused")
      throw notPossible("Nothing was retried", `workspace ${id} may not be restarted: ${rule}`);
    await done(job, response);
  });

  router.put(`${JOB}/clean`, async (request, response) => {
    const { id, job } = await find(hints, request);
    const actor = actorOf(response.locals.caller);
    const result = await coordinator.verbs.cancel(id, { actor, reason: "removed on the board" });
    if (result.kind === "stopping") {
      const why = `the cycle of workspace ${id} stops at its next safe point, if it has one left; the job goes with it`;
      throw notPossible("What is owed is canceled, the job is still there", why);
    }
    if (result.kind === "nothing-owed" && (await job.isActive())) {
      throw notPossible("Nothing was removed", `a worker looks at workspace ${id}, and there is nothing to cancel`);
    }
    await done(job, response);
  });

  const resume = async (_request: Request, response: Response): Promise<void> => {
    await Promise.all(hints.queues.map((_, shard) => hints.open(shard)));
    response.status(204).end();
  };
  router.put("/api/queues/resume", resume);
  router.put("/api/queues/:queue/resume", resume);

  router.use("/api", (request, _response, next) => {
    if (request.method === "GET" || request.method === "HEAD") return next();
    const instead = request.path.endsWith("/pause")
      ? "it would hold all workspaces back without a word to anyone: hold or pause a workspace instead"
      : "jobs are only hints at what Redis says is owed, and are made anew from it: promote, retry or remove one, or use the API";
    throw notPossible("Not possible here", instead, 405);
  });
  return router;
}

/** Problems as the board reads them, too: it shows `error` and `message`. */
export const boardProblems: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  const problem = asProblem(error);
  if (problem === undefined || response.headersSent) return next(error);
  const { title, detail } = problem.details;
  sendProblem(response, new Problem({ ...problem.details, error: title, message: detail }, problem.headers));
};

async function find(hints: HintQueues, request: Request): Promise<{ id: string; job: Job }> {
  const jobId = String(request.params.job);
  const id = workspaceId.safeParse(workspaceOfJob(jobId));
  const job = id.success ? await hints.queueOf(id.data).getJob(jobId) : undefined;
  if (id.success && job !== undefined) return { id: id.data, job };
  throw new Problem({
    status: 404,
    title: "Job not found",
    detail: "the hint is gone: somebody has looked at the workspace since",
  });
}

/** The hint has served. One that a worker holds stays until the worker lets go; one that stays otherwise does no harm. */
async function done(job: Job, response: Response): Promise<void> {
  await job.remove().catch(() => {});
  response.status(204).end();
}

function whyNotFlushed(id: string, result: Exclude<FlushResult, { kind: "flushed" }>): string {
  switch (result.kind) {
    case "nothing-owed":
      return `nothing is owed to workspace ${id}`;
    case "held":
      return `workspace ${id} is held: release it first`;
    case "unknown":
      return `workspace ${id} is not registered`;
    case "refused":
      return `workspace ${id} may not be restarted: ${result.rule}`;
  }
}

function notPossible(title: string, detail: string, status = 409): Problem {
  return new Problem({ type: "conflict", status, title, detail }, status === 405 ? { Allow: "GET, HEAD" } : {});
}
