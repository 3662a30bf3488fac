/** A route as the OpenAPI document tells it. */
import type { z } from "zod";
import type { Scope } from "../authentication.ts";

export interface Operation {
  /** As in docs/api.md: "PUT /workspaces/{id}". */
  readonly route: `${"GET" | "PUT" | "POST" | "DELETE"} /${string}`;
  /** Unique; what a generated client calls it. */
  readonly id: string;
  readonly tag: "Workspaces" | "Restarts" | "Rollouts" | "Files" | "Events" | "Webhooks" | "Service";
  readonly summary: string;
  readonly description?: string;
  /** The least that may ask; undefined = anybody, without a token. */
  readonly scope: Scope | undefined;
  /** A browser may come here: the token is taken as HTTP Basic password, too. */
  readonly page?: true;
  /** It answers while Redis is away. */
  readonly withoutRedis?: true;
  /** Those of the path that are not a workspace's `{id}`. */
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** What the route validates the JSON body with, or the media type of a raw one. */
  readonly body?: z.ZodType | MediaType;
  /** Good answers by status: what is sent, and what it means. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** What may go wrong here beside what follows from the rest: see `problemsOf` in document.ts. */
  readonly problems?: Readonly<Record<number, string>>;
}

export interface Answer {
  readonly description: string;
  readonly content: z.ZodType | MediaType;
}

export type MediaType = `${string}/${string}`;
