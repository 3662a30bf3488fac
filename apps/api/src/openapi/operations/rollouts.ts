import { z } from "zod";
import { idempotencyHeaders, verbBody } from "../../input.ts";
import { membersQuery, rolloutBody, rolloutListQuery } from "../../rollout-input.ts";
import { rollout, rolloutPage, rolloutWithMembers } from "../answers.ts";
import type { Operation } from "../operation.ts";

const path = z.object({ rollout: z.string().describe("A rollout's id") });
const unknown = { 404: "Unknown rollout" };

const steer = (verb: "pause" | "resume" | "abort", summary: string): Operation => ({
  route: `POST /rollouts/{rollout}/${verb}`,
  id: `${verb}Rollout`,
  tag: "Rollouts",
  summary,
  scope: "operate",
  path,
  body: verbBody,
  answers: { 202: { description: "As it is now; asking again changes nothing", content: rollout } },
  problems: { ...unknown, 409: "It is over" },
});

export const ROLLOUT_OPERATIONS: readonly Operation[] = [
  {
    route: "POST /rollouts",
    id: "createRollout",
    tag: "Rollouts",
    summary: "Restart many workspaces, canaries first, some at a time",
    scope: "operate",
    headers: idempotencyHeaders,
    body: rolloutBody,
    answers: { 202: { description: "Workers carry it out", content: rollout } },
    problems: {
      409: "Too many rollouts are active",
      422: "The Idempotency-Key was used for another body",
    },
  },
  {
    route: "GET /rollouts",
    id: "listRollouts",
    tag: "Rollouts",
    summary: "List rollouts, newest first",
    scope: "read",
    query: rolloutListQuery,
    answers: { 200: { description: "A page; `nextCursor` leads on, null at the end", content: rolloutPage } },
  },
  {
    route: "GET /rollouts/{rollout}",
    id: "getRollout",
    tag: "Rollouts",
    summary: "How a rollout stands, with a page of its members",
    scope: "read",
    path,
    query: membersQuery,
    answers: { 200: { description: "Counts and members", content: rolloutWithMembers } },
    problems: unknown,
  },
  steer("pause", "Let no further workspace start; those under way end"),
  steer("resume", "Go on with a paused rollout, failures so far forgiven"),
  steer("abort", "End a rollout; those under way end by themselves"),
];
