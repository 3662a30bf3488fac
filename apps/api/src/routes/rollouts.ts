import { randomBytes } from "node:crypto";
import { UnknownSourceError } from "@restart-coordinator/debounce";
import { MOST_MEMBERS, ROLLOUT_VERBS, type Rollout, type RolloutRequest } from "@restart-coordinator/fleet";
import { type Request, type Response, Router } from "express";
import type { z } from "zod";
import { allow } from "../authentication.ts";
import { type ApiContext, actorOf } from "../context.ts";
import { bodyDigestOf, idempotencyOf } from "../idempotency.ts";
import { verbBody } from "../input.ts";
import { Problem } from "../problem.ts";
import { showMember, showRollout } from "../representation.ts";
import { membersQuery, rolloutBody, rolloutListQuery } from "../rollout-input.ts";

/** Mass restarts. A worker advances them; here they are made, looked at and steered. */
export function rolloutRoutes(context: ApiContext): Router {
  const { coordinator, rollouts, rolloutDriver } = context;
  const router = Router();

  router.post("/rollouts", allow("operate"), async (request, response) => {
    const body = rolloutBody.parse(request.body);
    if (!coordinator.sources.includes(body.source)) throw new UnknownSourceError(body.source, coordinator.sources);
    const idempotency = idempotencyOf(request, response.locals.caller.name);
    const id = idOfRollout(idempotency?.key);
    const digest = idempotency?.body ?? bodyDigestOf(request);
    const result = await rollouts.create(id, requestOf(body, response), digest, rolloutDriver.owner);
    if (result.kind === "too-many") {
      const detail = `${result.active} rollouts are active already: wait for one to finish, or abort one`;
      throw conflict("too-many-rollouts", detail);
    }
    if (result.kind === "conflict") {
      const detail = "the Idempotency-Key was used for a rollout with another body";
      throw new Problem({ type: "idempotency-conflict", status: 422, title: "Key used before", detail });
    }
    const rollout = await prepared(context, request, result.rollout);
    const { source, reason, actor, counts } = rollout;
    response.locals.isLogged = true;
    request.log.info({ rolloutId: id, source, reason, actor, total: counts.total }, `rollout ${id}: ${result.kind}`);
    response.status(202).location(`/rollouts/${id}`).json(showRollout(rollout));
  });

  router.get("/rollouts", allow("read"), async (request, response) => {
    const page = await rollouts.list(rolloutListQuery.parse(request.query));
    if (page === "unknown-cursor") {
      const detail = "cursor: that rollout is no longer kept; begin anew without a cursor";
      throw new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail });
    }
    response.json({ rollouts: page.rollouts.map(showRollout), nextCursor: page.nextCursor ?? null });
  });

  router.get("/rollouts/:rollout", allow("read"), async (request, response) => {
    const id = String(request.params.rollout);
    const query = membersQuery.parse(request.query);
    const rollout = await rollouts.get(id);
    if (rollout === undefined) throw unknownRollout(id);
    const page = query.limit === 0 ? { members: [], nextCursor: undefined } : await rollouts.members(id, query);
    const { members, nextCursor } = page;
    response.json({ ...showRollout(rollout), members: members.map(showMember), nextCursor: nextCursor ?? null });
  });

  for (const verb of ROLLOUT_VERBS) {
    router.post(`/rollouts/:rollout/${verb}`, allow("operate"), async (request, response) => {
      const id = String(request.params.rollout);
      const { reason } = verbBody.parse(request.body) ?? {};
      const result = await rollouts.steer(id, verb, { actor: actorOf(response), reason });
      if (result.kind === "unknown") throw unknownRollout(id);
      if (result.kind === "over") throw conflict("rollout-over", `rollout ${id} is ${result.state}: it cannot ${verb}`);
      response.status(202).json(showRollout(result.rollout));
    });
  }
  return router;
}

/** With a key, its own: whoever repeats the request finds the rollout it has made. */
function idOfRollout(key: string | undefined): string {
  return `r-${key === undefined ? randomBytes(9).toString("base64url") : key.slice(0, 22)}`;
}

function requestOf(body: z.infer<typeof rolloutBody>, response: Response): RolloutRequest {
  const { actor, pauseOnFailure, ...rest } = body;
  return { ...rest, actor: actorOf(response, actor), pauseOnFailure: pauseOnFailure ?? undefined };
}

/** The list of members as it is now. Should that fail here, a worker builds it. */
async function prepared({ rollouts, rolloutDriver }: ApiContext, request: Request, rollout: Rollout): Promise<Rollout> {
  if (rollout.state !== "preparing") return rollout;
  try {
    await rolloutDriver.prepare(rollout.id);
    const now = (await rollouts.get(rollout.id)) ?? rollout;
    if (now.stopped?.by !== "size") return now;
  } catch (error) {
    request.log.warn({ err: error, rolloutId: rollout.id }, "the list of members is not whole: a worker goes on");
    return rollout;
  }
  const detail = `the selector matches more than ${MOST_MEMBERS} workspaces: make several rollouts`;
  throw new Problem({
    type: "too-many-members",
    status: 400,
    title: "Too many members",
    detail,
    rolloutId: rollout.id,
  });
}

function unknownRollout(id: string): Problem {
  const detail = `no rollout "${id.slice(0, 100)}" is known: it never was, or has expired`;
  return new Problem({ type: "unknown-rollout", status: 404, title: "Unknown rollout", detail });
}

function conflict(type: string, detail: string): Problem {
  return new Problem({ type, status: 409, title: "Conflict", detail });
}
