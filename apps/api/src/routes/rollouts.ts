/** Mass restarts. A worker advances them; here they are made, looked at and steered. */
import { randomBytes } from "node:crypto";
import { UnknownSourceError } from "@restart-coordinator/debounce";
import { MOST_MEMBERS, ROLLOUT_VERBS, type Rollout } from "@restart-coordinator/fleet";
import type { Request } from "express";
import { z } from "zod";
import { type ApiContext, actorOf } from "../context.ts";
import { bodyDigestOf, idempotencyOf } from "../idempotency.ts";
import { idempotencyHeaders, verbBody } from "../input.ts";
import { Problem } from "../problem.ts";
import { showMember, showRollout } from "../representation.ts";
import { type Route, reply, route } from "../route.ts";
import {
  membersQuery,
  rollout,
  rolloutBody,
  rolloutListQuery,
  rolloutPage,
  rolloutWithMembers,
} from "./rollout-schemas.ts";

const params = z.object({ rollout: z.string().describe("A rollout's id") });
const unknown = { 404: "Unknown rollout" };

const createRollout = route({
  id: "createRollout",
  tag: "Rollouts",
  summary: "Restart many workspaces, canaries first, some at a time",
  method: "POST",
  path: "/rollouts",
  scope: "operate",
  headers: idempotencyHeaders,
  body: rolloutBody,
  answers: { 202: { description: "Workers carry it out", content: rollout } },
  problems: { 409: "Too many rollouts are active", 422: "The Idempotency-Key was used for another body" },
  async handle(context, input) {
    const { coordinator, rollouts, rolloutDriver } = context;
    const { request, response, body } = input;
    if (!coordinator.sources.includes(body.source)) throw new UnknownSourceError(body.source, coordinator.sources);
    const idempotency = idempotencyOf(input);
    const id = idOfRollout(idempotency?.key);
    const digest = idempotency?.body ?? bodyDigestOf(request);
    const { pauseOnFailure, ...rest } = body;
    const asked = {
      ...rest,
      actor: actorOf(input.caller, body.actor),
      pauseOnFailure: pauseOnFailure ?? undefined,
    };
    const result = await rollouts.create(id, asked, digest, rolloutDriver.owner);
    if (result.kind === "too-many") {
      const detail = `${result.active} rollouts are active already: wait for one to finish, or abort one`;
      throw conflict("too-many-rollouts", detail);
    }
    if (result.kind === "conflict") {
      const detail = "the Idempotency-Key was used for a rollout with another body";
      throw new Problem({ type: "idempotency-conflict", status: 422, title: "Key used before", detail });
    }
    const made = await prepared(context, request, result.rollout);
    const { source, reason, actor, counts } = made;
    response.locals.isLogged = true;
    request.log.info({ rolloutId: id, source, reason, actor, total: counts.total }, `rollout ${id}: ${result.kind}`);
    return reply(202, showRollout(made), { Location: `/rollouts/${id}` });
  },
});

const listRollouts = route({
  id: "listRollouts",
  tag: "Rollouts",
  summary: "List rollouts, newest first",
  method: "GET",
  path: "/rollouts",
  scope: "read",
  query: rolloutListQuery,
  answers: { 200: { description: "A page; `nextCursor` leads on, null at the end", content: rolloutPage } },
  async handle({ rollouts }, { query }) {
    const page = await rollouts.list(query);
    if (page === "unknown-cursor") {
      const detail = "cursor: that rollout is no longer kept; begin anew without a cursor";
      throw new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail });
    }
    return reply(200, { rollouts: page.rollouts.map(showRollout), nextCursor: page.nextCursor ?? null });
  },
});

const getRollout = route({
  id: "getRollout",
  tag: "Rollouts",
  summary: "How a rollout stands, with a page of its members",
  method: "GET",
  path: "/rollouts/:rollout",
  scope: "read",
  params,
  query: membersQuery,
  answers: { 200: { description: "Counts and members", content: rolloutWithMembers } },
  problems: unknown,
  async handle({ rollouts }, { params: { rollout: id }, query }) {
    const found = await rollouts.get(id);
    if (found === undefined) throw unknownRollout(id);
    const page = query.limit === 0 ? { members: [], nextCursor: undefined } : await rollouts.members(id, query);
    const { members, nextCursor = null } = page;
    return reply(200, { ...showRollout(found), members: members.map(showMember), nextCursor });
  },
});

const STEERING: Readonly<Record<(typeof ROLLOUT_VERBS)[number], string>> = {
  pause: "Let no further workspace start; those under way end",
  resume: "Go on with a paused rollout, failures so far forgiven",
  abort: "End a rollout; those under way end by themselves",
};

const steering = ROLLOUT_VERBS.map((verb) =>
  route({
    id: `${verb}Rollout`,
    tag: "Rollouts",
    summary: STEERING[verb],
    method: "POST",
    path: `/rollouts/:rollout/${verb}`,
    scope: "operate",
    params,
    body: verbBody,
    answers: { 202: { description: "As it is now; asking again changes nothing", content: rollout } },
    problems: { ...unknown, 409: "It is over" },
    async handle({ rollouts }, { params: { rollout: id }, body: { reason }, caller }) {
      const result = await rollouts.steer(id, verb, { actor: actorOf(caller), reason });
      if (result.kind === "unknown") throw unknownRollout(id);
      if (result.kind === "over") throw conflict("rollout-over", `rollout ${id} is ${result.state}: it cannot ${verb}`);
      return reply(202, showRollout(result.rollout));
    },
  }),
);

export const rolloutRoutes: readonly Route[] = [createRollout, listRollouts, getRollout, ...steering];

/** With a key, its own: whoever repeats the request finds the rollout it has made. */
function idOfRollout(key: string | undefined): string {
  return `r-${key === undefined ? randomBytes(9).toString("base64url") : key.slice(0, 22)}`;
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
