/**
 * A route is one object: where it is, who may ask, what comes in, what goes out, what may go wrong, and what it does. The
 * router, the OpenAPI document and the generic tests are made of the list in routes/index.ts.
 */
import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import type { z } from "zod";
import type { Caller, LimitedScope, Scope } from "./authentication.ts";
import type { ApiContext } from "./context.ts";

/** The type of a body that is not JSON, such as `text/event-stream`: the handler reads or writes it itself. */
export type MediaType = `${string}/${string}`;

/** A good answer: what is sent, and what it means. */
export interface Answer {
  readonly description: string;
  /** Undefined = none is sent. */
  readonly content: z.ZodType | MediaType | undefined;
}
type Answers = Readonly<Record<number, Answer>>;

type Fields = z.ZodObject | undefined;
type Body = z.ZodType | MediaType | undefined;

interface Definition<P extends Fields, Q extends Fields, H extends Fields, B extends Body, A extends Answers> {
  /** Unique; what a generated client calls it. */
  readonly id: string;
  readonly tag: "Workspaces" | "Restarts" | "Rollouts" | "Files" | "Events" | "Webhooks" | "Service";
  readonly summary: string;
  readonly description?: string;
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** As Express reads it: "/workspaces/:id/files/*path". */
  readonly path: `/${string}`;
  /** The least that may ask, checked before anything is read; undefined = anybody, without a token. */
  readonly scope: Scope | undefined;
  /** A token of this scope may ask, too, and for nothing else. */
  readonly limitedScope?: LimitedScope;
  /** A browser may come here: the token is taken as HTTP Basic password, too. */
  readonly page?: true;
  /** It answers while Redis is away. */
  readonly withoutRedis?: true;

  /** What stands in the path, each name of it. */
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  /** The schema of a JSON body, or the media type of a raw one. */
  readonly body?: B;
  /** It carries the files of a set, and may be larger than usual. */
  readonly fileSet?: true;

  /** By status. */
  readonly answers: A;
  /** What may go wrong here, by status, beside what follows from the rest: see `problemsOf` in openapi/document.ts. */
  readonly problems?: Readonly<Record<number, string>>;
  /** A method, so that routes of whatever input go into one list. */
  handle(context: ApiContext, input: Input<P, Q, H, B>): Promise<Reply<NoInfer<A>>>;
}

/** What came with a request, checked. */
export interface Input<P = unknown, Q = unknown, H = unknown, B = unknown> {
  readonly params: Parsed<P>;
  readonly query: Parsed<Q>;
  readonly headers: Parsed<H>;
  readonly body: Parsed<B>;
  /** Undefined where no token is asked for. */
  readonly caller: Caller;
  /** For what is not JSON, and what belongs to the connection. */
  readonly request: Request;
  readonly response: Response;
}
type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : Schema extends undefined ? undefined : unknown;

/** One of the answers a route may give. Where its content is a media type, the handler has sent it itself: SENT. */
type Reply<A extends Answers> = {
  [Status in keyof A & number]: A[Status]["content"] extends z.ZodType
    ? JsonReply<Status, DeepReadonly<z.output<A[Status]["content"]>>>
    : typeof SENT;
}[keyof A & number];
type DeepReadonly<Value> = Value extends object ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> } : Value;

export const SENT = undefined;

export interface JsonReply<Status = number, Body = unknown> {
  readonly status: Status;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string>>;
}

export function reply<const Status extends number, const Body>(
  status: Status,
  body: Body,
  headers: Readonly<Record<string, string>> = {},
): JsonReply<Status, Body> {
  return { status, body, headers };
}

/** A route of any input and answers. */
export interface Route extends Omit<Definition<Fields, Fields, Fields, Body, Answers>, "handle"> {
  handle(context: ApiContext, input: Input): Promise<JsonReply | typeof SENT>;
}

/** Checks a route's handler against what it says it takes and answers. */
export function route<
  const A extends Answers,
  P extends Fields = undefined,
  Q extends Fields = undefined,
  H extends Fields = undefined,
  B extends Body = undefined,
>(definition: Definition<P, Q, H, B, A>): Route;
export function route(definition: Route): Route {
  return definition;
}

/** An application of its own below a path, such as the board: its pages say what they do. A browser may come there. */
export interface Mount {
  readonly path: `/${string}`;
  readonly scope: Scope;
  handlers(context: ApiContext): [RequestHandler, ErrorRequestHandler];
}
