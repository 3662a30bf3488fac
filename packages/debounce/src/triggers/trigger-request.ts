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
  /** The write found the very bytes that it brought: it is dropped by the rule `unchanged`. */
  readonly unchanged?: boolean;
  /** What a hold does to it: let it pile up (default), refuse it, or be overridden by it. */
  readonly onHold?: "queue" | "refuse" | "override";
  /** The same key with the same body within 24 hours gets the first receipt again. Choose it per caller. */
  readonly idempotency?: { readonly key: string; readonly body: string };
}

const FIELDS: readonly (keyof TriggerRequest)[] = [
  "source",
  "reason",
  "actor",
  "files",
  "write",
  "unchanged",
  "onHold",
  "idempotency",
];
const KEY_CHARACTERS = 255;

/** @throws InvalidArgumentError for a field that is unknown or of another kind */
export function checkTriggerRequest(request: TriggerRequest): void {
  needFields("a trigger", request, FIELDS);
  const { source, reason, actor, files, write, unchanged, onHold, idempotency } = request;
  needKind("source", source ?? null, "string");
  needKind("reason", reason, "string");
  needKind("actor", actor, "string");
  needKind("write", write, "boolean");
  needKind("unchanged", unchanged, "boolean");
  if (onHold !== undefined) needOneOf("onHold", onHold, ["queue", "refuse", "override"]);
  if (files !== undefined && !(Array.isArray(files) && files.every((file) => typeof file === "string"))) {
    throw new InvalidArgumentError("expected files to be a list of texts");
  }
  if (idempotency === undefined) return;
  needFields("idempotency", idempotency, ["key", "body"]);
  needText("idempotency.key", idempotency.key, KEY_CHARACTERS);
  needKind("idempotency.body", idempotency.body ?? null, "string");
}
