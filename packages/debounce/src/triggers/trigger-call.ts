/** What goes to Redis for triggers of one workspace and source that came together, and what comes back. */
import type { Choice } from "../policy/policy-set.ts";
import type { Verdict } from "../vocabulary.ts";
import type { TriggerRequest } from "./trigger-request.ts";
import { distinctTexts, keptText } from "./why.ts";

export interface TriggerCall {
  readonly id: string;
  readonly source: string;
  /** The policies the workspace may have; each knows the source. */
  readonly choice: Choice;
  /** How many triggers arrived together. */
  readonly count: number;
  readonly reasons: readonly string[];
  readonly actors: readonly string[];
  readonly files?: readonly string[];
  /** Those of the first, which may be the only one that is owed. */
  readonly firstReason?: string;
  readonly firstActor?: string;
  readonly firstFiles?: readonly string[];
  /** How many distinct ones are left out. */
  readonly moreReasons?: number;
  readonly moreActors?: number;
  readonly moreFiles?: number;
  readonly firstMoreFiles?: number;
  /** The triggers are writes, reported as such when a cycle runs. */
  readonly write: boolean;
  readonly onHold: "queue" | "refuse" | "override";
  readonly seenFence?: string | undefined;
  /** The first one's trace. */
  readonly trace?: string | undefined;
  readonly nonce: string;
  readonly idempotencyCaller?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly idempotencyBody?: string | undefined;
  readonly now?: number;
}

/** What the source's debounce window has done so far. Times are ms. */
export interface WindowFacts {
  readonly claimedAt: number;
  readonly windowMs: number;
  /** How many triggers of the source it has held back since, coalesced or dropped. */
  readonly suppressed: number;
  /** The first of these triggers has claimed it. */
  readonly claimed: boolean;
}

export type TriggerReply =
  | { readonly kind: "conflict" }
  | {
      readonly kind: "judged" | "replayed";
      readonly first: Verdict;
      /** The verdict on all but the first of several that arrived together. */
      readonly rest: Verdict;
      readonly generation: number;
      readonly dueAt: number | undefined;
      readonly hintId: string | undefined;
      readonly running: boolean;
      readonly now: number;
      /** Of the call that was judged: a replay's first. */
      readonly nonce: string;
      readonly window: WindowFacts | undefined;
    };

/**
 * Makes one call of requests that are alike in source, `write` and `onHold`; one with an idempotency key or a fencing token
 * comes alone.
 */
export function triggerCall(
  id: string,
  requests: readonly TriggerRequest[],
  by: { readonly choice: Choice; readonly nonce: string; readonly trace: string | undefined },
): TriggerCall {
  const first = requests[0] as TriggerRequest;
  const reasons = distinctTexts(requests.map(({ reason }) => reason));
  const actors = distinctTexts(requests.map(({ actor }) => actor));
  const files = distinctTexts(requests.flatMap(({ files }) => files ?? []));
  const firstFiles = distinctTexts(first.files ?? []);
  return {
    id,
    ...by,
    source: first.source,
    count: requests.length,
    write: first.write === true,
    onHold: first.onHold ?? "queue",
    idempotencyCaller: first.idempotency?.caller,
    seenFence: first.seenFence,
    idempotencyKey: first.idempotency?.key,
    idempotencyBody: first.idempotency?.body,
    reasons: reasons.kept,
    moreReasons: reasons.more,
    actors: actors.kept,
    moreActors: actors.more,
    files: files.kept,
    moreFiles: files.more,
    firstReason: keptText(first.reason ?? ""),
    firstActor: keptText(first.actor ?? ""),
    firstFiles: firstFiles.kept,
    firstMoreFiles: firstFiles.more,
  };
}
