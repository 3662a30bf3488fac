/** What a caller asks for with a trigger. */
import { InvalidArgumentError, needFields, needKind, needOneOf, needText } from "../checks.ts";

export interface TriggerRequest {
  readonly source: string;
  /** Why, in a line; the newest 32 distinct are kept, 200 bytes each. */
  readonly reason?: string;
  /** Who asked. */
  readonly actor?: string;
  /** The paths that were written; the newest 32 distinct are kept, 200 bytes each. */
  readonly files?: readonly string[];
  /** The trigger reports a write: one that lands while a cycle runs is told as such. */
  readonly write?: boolean;
  /** What a hold does to it: let it pile up (default), refuse it, or be overridden by it. */
  readonly onHold?: "queue" | "refuse" | "override";
  /**
   * The same key of the same caller with the same body within 24 hours gets the first receipt again, unless that was a refusal.
   * Of each caller and workspace the newest 1,000 are kept. `caller`: 1 to 64 of A-Za-z0-9_-; "library" without it.
   */
  readonly idempotency?: { readonly key: string; readonly body: string; readonly caller?: string };
  /**
   * The last fencing token when what is complained of was seen: dropped (rule `running`) if a cycle has begun since, for that
   * is what was asked for.
   */
  readonly seenFence?: string;
}

const FIELDS: readonly (keyof TriggerRequest)[] = [
  "source",
  "reason",
  "actor",
  "files",
  "write",
  "onHold",
  "seenFence",
  "idempotency",
];
const KEY_CHARACTERS = 255;

/** @throws InvalidArgumentError for a field that is unknown or of another kind */
export function checkTriggerRequest(request: TriggerRequest): void {
  needFields("a trigger", request, FIELDS);
  const { source, reason, actor, files, write, onHold, seenFence, idempotency } = request;
  needKind("source", source ?? null, "string");
  needKind("reason", reason, "string");
  needKind("actor", actor, "string");
  needKind("seenFence", seenFence, "string");
  needKind("write", write, "boolean");
  if (onHold !== undefined) needOneOf("onHold", onHold, ["queue", "refuse", "override"]);
  if (files !== undefined && !(Array.isArray(files) && files.every((file) => typeof file === "string"))) {
    throw new InvalidArgumentError("expected files to be a list of texts");
  }
  if (idempotency === undefined) return;
  needFields("idempotency", idempotency, ["key", "body", "caller"]);
  needText("idempotency.key", idempotency.key, KEY_CHARACTERS);
  needKind("idempotency.body", idempotency.body ?? null, "string");
  const { caller } = idempotency;
  if (caller !== undefined && !/^[\w-]{1,64}$/.test(caller)) {
    throw new InvalidArgumentError(
      `expected idempotency.caller to be 1 to 64 of A-Za-z0-9_-, got ${JSON.stringify(caller)}`,
    );
  }
}
