/**
 * Calls of one script that come in the same turn of the event loop share a round trip, whatever workspaces of a shard
 * they are for: most of what a short script costs is sending it, and setting it up. A call never joins a batch that was
 * already sent.
 *
 * Where the header says so (`-- Batch: remembered`) a batch is remembered by its first call's nonce: sent again, because
 * a connection broke before the answer, it is answered as at first. Others see to that themselves.
 */
import { SEPARATOR } from "./batched-lua.ts";
import type { Acknowledged } from "./reply.ts";

/** So many that the cost of a round trip is spread, so few that Redis works on one batch while the next is made ready. */
const MOST_PER_BATCH = 32;

type Values = readonly (string | number)[];

export interface BatchedCall {
  /** Those of one group share keys, and all of theirs are in one slot. */
  readonly group: string;
  readonly sharedKeys: () => readonly string[];
  /** What the calls of a batch have in common. */
  readonly sharedArgs: Values;
  readonly keys: readonly string[];
  readonly args: Values;
  readonly nonce: string;
}

interface Waiting {
  readonly call: BatchedCall;
  readonly resolve: (answer: Acknowledged) => void;
  readonly reject: (error: unknown) => void;
}

export type SendBatch = (keys: readonly string[], args: Values) => Promise<Acknowledged>;

export class ScriptBatches {
  readonly #send: SendBatch;
  readonly #isRemembered: boolean;
  #waiting: Waiting[][] = [];
  #underWay = 0;

  constructor(send: SendBatch, isRemembered: boolean) {
    this.#send = send;
    this.#isRemembered = isRemembered;
  }

  run(call: BatchedCall): Promise<Acknowledged> {
    return new Promise((resolve, reject) => {
      const waiting = { call, resolve, reject };
      if (this.#waiting.length === 0) this.#flushSoon();
      const batch = this.#waiting.find(([first]) => isAlike((first as Waiting).call, call));
      if (batch === undefined) this.#waiting.push([waiting]);
      else batch.push(waiting);
    });
  }

  /** With nothing under way there is nobody to wait for but those who ask in the same breath. */
  #flushSoon(): void {
    if (this.#underWay === 0) queueMicrotask(this.#flush);
    else setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const calls of waiting) {
      for (let at = 0; at < calls.length; at += MOST_PER_BATCH)
        void this.#together(calls.slice(at, at + MOST_PER_BATCH));
    }
  };

  async #together(calls: readonly Waiting[]): Promise<void> {
    this.#underWay += 1;
    try {
      const [{ call: first }] = calls as [Waiting];
      const keys = [...first.sharedKeys()];
      const args = [calls.length, ...(this.#isRemembered ? [first.nonce] : []), ...first.sharedArgs];
      for (const { call } of calls) {
        for (const key of call.keys) keys.push(key);
        for (const arg of call.args) args.push(arg);
      }
      const answer = await this.#send(keys, args);
      const { isReplicated } = answer;
      const [kind, ...replies] = answer.reply as [string, ...(string | unknown[])[]];
      for (let i = 0; i < calls.length; i += 1) {
        const { resolve, reject } = calls[i] as Waiting;
        const packed = replies[i] as string | unknown[];
        const reply = typeof packed === "string" ? packed.split(SEPARATOR) : packed;
        if (reply[0] === "error") reject(replyError(String(reply[1])));
        else resolve({ reply, isReplicated, isAgain: kind === "again" });
      }
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      this.#underWay -= 1;
    }
  }
}

function isAlike(a: BatchedCall, b: BatchedCall): boolean {
  return a.group === b.group && isEqual(a.sharedArgs, b.sharedArgs);
}

function isEqual(a: Values, b: Values): boolean {
  if (a === b) return true;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** One call of a batch failed: as Redis itself would have told it. */
function replyError(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}
