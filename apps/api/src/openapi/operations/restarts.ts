import { z } from "zod";
import { holdBody, idempotencyHeaders, outcomeQuery, restartBody, triggerBody, verbBody } from "../../input.ts";
import { receipt, triggerOutcome } from "../answers.ts";
import type { Operation } from "../operation.ts";

const id = z.string();
const usedBefore = { 422: "The Idempotency-Key was used for another body" };

export const RESTART_OPERATIONS: readonly Operation[] = [
  {
    route: "POST /workspaces/{id}/triggers",
    id: "trigger",
    tag: "Restarts",
    summary: "Ask for a restart, by the policy of the source",
    scope: "trigger",
    headers: idempotencyHeaders,
    body: triggerBody,
    answers: { 202: { description: "Recorded, whatever the decision", content: receipt } },
    problems: usedBefore,
  },
  {
    route: "GET /workspaces/{id}/triggers/{triggerId}",
    id: "getTrigger",
    tag: "Restarts",
    summary: "What became of a trigger",
    scope: "read",
    path: z.object({ triggerId: z.string() }),
    query: outcomeQuery,
    answers: { 200: { description: "Now, or once it is settled", content: triggerOutcome } },
    problems: { 404: "Unknown workspace or trigger" },
  },
  {
    route: "POST /workspaces/{id}/restart",
    id: "restart",
    tag: "Restarts",
    summary: "Restart now, whatever the window says",
    description: "A trigger of the source `manual`. `force` overrides a hold.",
    scope: "trigger",
    headers: idempotencyHeaders,
    body: restartBody,
    answers: { 202: { description: "Recorded", content: receipt } },
    problems: { 409: "It may not be restarted; `rule` says why", ...usedBefore },
  },
  {
    route: "POST /workspaces/{id}/hold",
    id: "hold",
    tag: "Restarts",
    summary: "Hold restarts back for a while; triggers pile up",
    scope: "operate",
    body: holdBody.optional(),
    answers: { 202: { description: "Held", content: z.object({ id, heldUntil: z.iso.datetime() }) } },
  },
  {
    route: "POST /workspaces/{id}/release",
    id: "release",
    tag: "Restarts",
    summary: "End a hold",
    scope: "operate",
    body: verbBody,
    answers: { 202: { description: "Released, or was not held", content: z.object({ id, released: z.boolean() }) } },
  },
  {
    route: "POST /workspaces/{id}/cancel",
    id: "cancel",
    tag: "Restarts",
    summary: "Drop what is owed; a running cycle is asked to stop at its next safe point",
    scope: "operate",
    body: verbBody,
    answers: {
      202: {
        description: "How many triggers were dropped, and whether a cycle was asked to stop",
        content: z.object({ id, canceled: z.number().int(), stopping: z.boolean(), cycleId: z.string().optional() }),
      },
    },
  },
  {
    route: "POST /workspaces/{id}/flush",
    id: "flush",
    tag: "Restarts",
    summary: "What is owed is due now",
    scope: "operate",
    body: verbBody,
    answers: {
      200: { description: "Nothing is owed", content: z.object({ id, flushed: z.literal(false) }) },
      202: { description: "Due now", content: z.object({ id, flushed: z.literal(true) }) },
    },
    problems: { 409: "Held, or it may not be restarted; `rule` says which" },
  },
];
