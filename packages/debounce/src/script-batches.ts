/**
 * Calls of one script that come in the same turn of the event loop share a round trip, whatever workspaces of a shard
 * they are for: most of what a short script costs is sending it, and setting it up. A call never joins a batch that was
 * already sent.
 *
 * Where the header says so (`-- Batch: remembered`) a batch is remembered by its first call's nonce: sent again, because
 * a connection broke before the answer, it is answered as at first. Others see to that themselves.
 */
import type { Acknowledged } from "./replication.ts";

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

const SEPARATOR = "\t";

/** The keys and arguments of a script that is run in batches, in the order in which they are sent. */
export interface BatchParts<Role extends string = string> {
  readonly sharedKeys: readonly Role[];
  readonly sharedArgs: readonly string[];
  readonly keys: readonly Role[];
  readonly args: readonly string[];
  /** The batch has the nonce: its calls are remembered with it. */
  readonly isRemembered: boolean;
}

export function batchParts<Role extends string>(script: {
  readonly keys: readonly Role[];
  readonly args: readonly string[];
  readonly shared: ReadonlySet<string>;
  readonly isRemembered: boolean;
}): BatchParts<Role> {
  const { isRemembered } = script;
  const isShared = (name: string) => script.shared.has(name);
  const args = script.args.filter((name) => name !== "nonce" || !isRemembered);
  return {
    isRemembered,
    sharedKeys: script.keys.filter(isShared),
    sharedArgs: args.filter(isShared),
    keys: script.keys.filter((name) => !isShared(name)),
    args: args.filter((name) => !isShared(name)),
  };
}

/**
 * The text of a script that runs its body once for each call of a batch. What one call stumbles over, the others do not
 * notice. A remembered reply goes as one string, its parts separated by tabs.
 */
export function batchedLua({ shared, body, parts }: { shared: string; body: string; parts: BatchParts }): string {
  const { sharedKeys, sharedArgs, keys, args, isRemembered } = parts;
  const first = isRemembered ? 2 : 1;
  const assign = (table: string, names: readonly string[], array: string, offset: string | number) =>
    names.map((name, i) => `${table}.${name} = ${array}[${offset} + ${i + 1}]`).join("\n");
  return `local K, A = {}, ${isRemembered ? "{ nonce = '' }" : "{}"}
${shared}
local function run()
${body}
end
local now
local function share()
${assign("K", sharedKeys, "KEYS", 0)}
${assign("A", sharedArgs, "ARGV", first)}
A.now = now or A.now
end
local function take(i)
-- The call before may have had others put in place.
if A.alternatives and A.alternatives ~= '' then share() end
local k, a = ${sharedKeys.length} + i * ${keys.length}, ${first + sharedArgs.length} + i * ${args.length}
${assign("K", keys, "KEYS", "k")}
${assign("A", args, "ARGV", "a")}
end
share()
now = clock()
A.now = now
${isRemembered ? RECALL : ""}local replies = { 'first' }
for i = 0, ARGV[1] - 1 do
  take(i)
  local ok, reply = pcall(run)
  if not ok then reply = { 'error', (tostring(type(reply) == 'table' and reply.err or reply):gsub('%s', ' ')) } end
  replies[i + 2] = ${isRemembered ? "table.concat(reply, '\\t')" : "reply"}
end
${isRemembered ? REMEMBER : ""}return replies
`;
}

const RECALL = `local recalled = recallAnswer(ARGV[2], now)
if recalled then
  -- A write, so that a WAIT after this call waits for the first one's, too.
  keepAnswer(ARGV[2], recalled, now)
  local replies = { 'again' }
  for reply in recalled:gmatch('[^\\n]+') do replies[#replies + 1] = reply end
  return replies
end
`;

const REMEMBER = "keepAnswer(ARGV[2], table.concat(replies, '\\n', 2), now)\n";
