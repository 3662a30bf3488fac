/** What a caller asks for with a trigger. */
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
  /** The same key with the same body within 24 hours gets the first receipt again. Choose it per caller. */
  readonly idempotency?: { readonly key: string; readonly body: string };
}
