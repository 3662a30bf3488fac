/** Errors as people and programs read them: application/problem+json (RFC 9457). */
import {
  CoordinatorUnavailableError,
  describeCondition,
  IdempotencyConflictError,
  InvalidWorkspaceIdError,
  UnknownSourceError,
} from "@restart-coordinator/debounce";
import type { ErrorRequestHandler, Response } from "express";
import { ZodError, type z } from "zod";
import { FileError, type FileErrorCode, failedWith } from "./files/index.ts";

export interface ProblemDetails {
  /** Which problem it is: a stable name, "about:blank" where the status says it all. */
  readonly type?: string;
  readonly status: number;
  readonly title: string;
  /** What was expected, what came and what to do. */
  readonly detail: string;
  /** Further members: the rule of a refusal, the fields of bad input. */
  readonly [member: string]: unknown;
}

/** Thrown by a route to answer with a problem. */
export class Problem extends Error {
  readonly details: ProblemDetails;
  readonly headers: Readonly<Record<string, string>>;

  constructor(details: ProblemDetails, headers: Readonly<Record<string, string>> = {}) {
    super(details.detail);
    this.name = "Problem";
    this.details = details;
    this.headers = headers;
  }
}

export function unknownWorkspace(id: string): Problem {
  return new Problem({
    type: "unknown-workspace",
    status: 404,
    title: "Unknown workspace",
    detail: `workspace ${id} is not registered: PUT /workspaces/${id} first`,
  });
}

/** What was asked for does not go with how things stand; `rule` says what is in the way. */
export function conflict(detail: string, rule: string, more: Readonly<Record<string, unknown>> = {}): Problem {
  return new Problem({ type: "conflict", status: 409, title: "Conflict", detail, rule, ...more });
}

const FILE_STATUS: Readonly<Record<FileErrorCode, [status: number, title: string]>> = {
  "invalid-path": [400, "Invalid path"],
  "not-found": [404, "Not found"],
  "not-a-file": [409, "Not a file"],
  "too-large": [413, "Too large"],
  "too-many-files": [413, "Too many files"],
  changed: [412, "Not as expected"],
};

const RETRY_AFTER_SECONDS = 1;

/** The last handler: whatever a route threw becomes a problem; what nobody foresaw is logged and told as 500. */
export const problemHandler: ErrorRequestHandler = (error: unknown, request, response, _next) => {
  // The caller went away, or half an answer was sent when it failed: nobody can be told any more.
  if (request.socket.destroyed || response.headersSent) {
    request.log.warn({ err: error }, "the request broke off");
    response.destroy();
    return;
  }
  const problem = asProblem(error);
  if (problem === undefined) request.log.error({ err: error }, "unexpected error");
  if (error instanceof CoordinatorUnavailableError || problem === NO_SPACE) {
    response.locals.reason = (error as Error).message;
  }
  // The rest of a body nobody reads must not keep the connection's next request waiting.
  if (!request.complete) response.setHeader("Connection", "close");
  sendProblem(response, problem ?? UNEXPECTED);
};

const UNEXPECTED = new Problem({
  status: 500,
  title: "Internal error",
  detail: "something went wrong here; the log tells what, under this answer's X-Request-Id",
});

export function sendProblem(response: Response, problem: Problem): void {
  const { details, headers } = problem;
  response.set(headers);
  response.status(details.status).type("application/problem+json");
  response.send(JSON.stringify({ type: "about:blank", ...details }));
}

const NO_SPACE = new Problem({
  type: "no-space",
  status: 507,
  title: "Insufficient storage",
  detail: "the disk of the workspaces is full, or its quota is used up: nothing was changed that was not acknowledged",
});

/** Undefined for what nobody foresaw. */
export function asProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof ZodError) return invalidInput(error);
  if (error instanceof FileError) {
    const [status, title] = FILE_STATUS[error.code];
    return new Problem({ type: error.code, status, title, detail: error.message });
  }
  if (error instanceof CoordinatorUnavailableError) return unavailable(error);
  if (failedWith(error, "ENOSPC", "EDQUOT")) return NO_SPACE;
  if (error instanceof InvalidWorkspaceIdError || error instanceof UnknownSourceError) {
    return new Problem({ status: 400, title: "Bad request", detail: error.message });
  }
  if (error instanceof IdempotencyConflictError) {
    const detail = "this Idempotency-Key was used in the last 24 hours with another body: choose another key";
    return new Problem({ type: "idempotency-conflict", status: 422, title: "Key used before", detail });
  }
  return fromBodyParser(error);
}

/** Redis is away, or refuses: which of them is in the type, so that programs can tell, too. */
function unavailable({ condition }: CoordinatorUnavailableError): Problem {
  const isRecorded = condition === "not-replicated";
  return new Problem(
    {
      type: isRecorded ? condition : `redis-${condition}`,
      status: 503,
      title: "Try again",
      detail: isRecorded
        ? "too few of Redis' replicas have it: a failover now would lose it; repeat the request"
        : `${describeCondition(condition)}: nothing that was not recorded is acknowledged; repeat the request`,
    },
    { "Retry-After": String(RETRY_AFTER_SECONDS) },
  );
}

function invalidInput(error: ZodError): Problem {
  return badFields(error.issues.flatMap(fieldsOf));
}

interface BadField {
  readonly field: string;
  readonly message: string;
}

export function badFields(
  fields: readonly BadField[],
  detail = fields.map(({ field, message }) => `${field}: ${message}`).join("; "),
): Problem {
  return new Problem({ type: "invalid-input", status: 400, title: "Invalid input", detail, fields });
}

function fieldsOf(issue: z.core.$ZodIssue): BadField[] {
  const at = issue.path.map(String);
  if (issue.code !== "unrecognized_keys") return [{ field: at.join(".") || "body", message: issue.message }];
  return issue.keys.map((key) => ({ field: [...at, key].join("."), message: "unknown field" }));
}

/** What express' own middleware throws (http-errors): too large, not JSON, a charset or an URL it cannot read. */
function fromBodyParser(error: unknown): Problem | undefined {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return undefined;
  const { status } = error;
  if (status < 400 || status > 499) return undefined;
  if ("type" in error && error.type === "entity.parse.failed") {
    return badFields([{ field: "body", message: `not JSON: ${error.message}` }]);
  }
  const titles: Record<number, string> = { 413: "Too large", 415: "Unsupported media type" };
  return new Problem({ status, title: titles[status] ?? "Bad request", detail: error.message });
}
