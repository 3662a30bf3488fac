import { z } from "zod";
import { activityQuery, cascadeQuery, listQuery, noQuery, removeQuery, verbBody, workspaceBody } from "../../input.ts";
import {
  activityPage,
  desired,
  effectivePolicy,
  restarting,
  shadowReport,
  workspace,
  workspacePage,
} from "../answers.ts";
import type { Operation } from "../operation.ts";

const desire = (verb: "pause" | "resume" | "hibernate" | "wake", summary: string): Operation => ({
  route: `POST /workspaces/{id}/${verb}`,
  id: `${verb}Workspace`,
  tag: "Workspaces",
  summary,
  scope: "operate",
  ...(verb === "pause" || verb === "resume"
    ? {
        query: cascadeQuery,
        description: "`cascade=true` takes descendants along; a resume brings back those that this pause took.",
      }
    : { query: noQuery }),
  body: verbBody,
  answers: { 202: { description: "A cycle carries it out", content: desired } },
  problems: {
    409: "External, being removed, not what the verb ends, or a pause of what has descendants; `rule` says which",
  },
});

export const WORKSPACE_OPERATIONS: readonly Operation[] = [
  {
    route: "GET /workspaces",
    id: "listWorkspaces",
    tag: "Workspaces",
    summary: "List workspaces",
    scope: "read",
    query: listQuery,
    answers: {
      200: { description: "A page; `nextCursor` leads on, null at the end", content: workspacePage },
    },
  },
  {
    route: "PUT /workspaces/{id}",
    id: "putWorkspace",
    tag: "Workspaces",
    summary: "Register or update a workspace",
    description: "A field that is left out stays as it is; null removes it. `spec` needs the scope admin.",
    scope: "operate",
    body: workspaceBody,
    answers: {
      200: { description: "Updated", content: workspace },
      201: { description: "Registered", content: workspace },
    },
    problems: { 400: "Bad input, an unknown parent or a loop of parents", 409: "It is being removed" },
  },
  {
    route: "GET /workspaces/{id}",
    id: "getWorkspace",
    tag: "Workspaces",
    summary: "How a workspace stands, what is owed and why",
    scope: "read",
    answers: { 200: { description: "The full state", content: workspace } },
  },
  {
    route: "DELETE /workspaces/{id}",
    id: "removeWorkspace",
    tag: "Workspaces",
    summary: "Stop a workspace and forget it",
    description: "`force=true` (scope admin) forgets at once, files included, and leaves what runs to itself.",
    scope: "operate",
    query: removeQuery,
    answers: {
      202: {
        description: "A cycle stops it, then everything is forgotten",
        content: z.object({ id: z.string(), status: z.enum(["removing", "removed"]) }),
      },
    },
    problems: { 409: "It has children" },
  },
  {
    route: "GET /workspaces/{id}/restarting",
    id: "isRestarting",
    tag: "Workspaces",
    summary: "The gate for probes: whether it is being restarted or cools down",
    scope: "read",
    answers: { 200: { description: "The gate", content: restarting } },
  },
  {
    route: "GET /workspaces/{id}/policy",
    id: "getPolicy",
    tag: "Workspaces",
    summary: "The policy of a workspace, and the origin of each value",
    scope: "read",
    answers: { 200: { description: "The policy in force", content: effectivePolicy } },
  },
  {
    route: "GET /workspaces/{id}/policy/shadow",
    id: "getShadowPolicy",
    tag: "Workspaces",
    summary: "What the shadow policy would have done in the last seven days",
    scope: "read",
    answers: { 200: { description: "Both policies, side by side", content: shadowReport } },
    problems: { 404: "Unknown workspace, or no shadow policy is configured" },
  },
  {
    route: "GET /workspaces/{id}/activity",
    id: "getActivity",
    tag: "Workspaces",
    summary: "What happened to a workspace, newest first",
    scope: "read",
    query: activityQuery,
    answers: { 200: { description: "A page; `nextBefore` leads on, null at the end", content: activityPage } },
  },
  desire("pause", "Stop a workspace and refuse restarts until it is resumed"),
  desire("resume", "Start a paused workspace"),
  desire("hibernate", "Stop a workspace until it is woken"),
  desire("wake", "Start a hibernated workspace"),
];
