/** Asks the HTTP API, as any other client could. The session's cookie goes along by itself. */
import { signal } from "@preact/signals";

/** The answer to a request that did not go well: what the API's problem says, or that there was no answer. */
export class AskError extends Error {
  readonly status: number;
  /** What is in the way, where the API names it. */
  readonly rule: string | undefined;

  constructor(status: number, message: string, rule?: string) {
    super(message);
    this.name = "AskError";
    this.status = status;
    this.rule = rule;
  }
}

/** Rises each time an answer says that nobody is signed in. */
export const signedOut = signal(0);

const ANSWER_WITHIN_MS = 15_000;

/** @throws AskError */
export async function ask<Body>(method: string, path: string, body?: unknown): Promise<Body> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch {
    throw new AskError(0, "The API does not answer.");
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as Body;
  if (response.status === 401 && path !== "/session") signedOut.value += 1;
  const { detail, rule } = (answer ?? {}) as { detail?: string; rule?: string };
  throw new AskError(response.status, detail ?? `The API answered ${response.status}.`, rule);
}

export const get = <Body>(path: string): Promise<Body> => ask("GET", path);
export const post = <Body>(path: string, body: unknown = {}): Promise<Body> => ask("POST", path, body);
