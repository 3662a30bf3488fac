/** The Lua text that runs one script for several calls, and the order in which their keys and arguments are sent. */

import { REFUSE_WHEN_LATE } from "./deadlines.ts";

/** What stands between the parts of a remembered reply. */
export const SEPARATOR = "\t";

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
export function batchedLua({ inFront, body, parts }: { inFront: string; body: string; parts: BatchParts }): string {
  const { sharedKeys, sharedArgs, keys, args, isRemembered } = parts;
  const first = isRemembered ? 2 : 1;
  const assign = (table: string, names: readonly string[], array: string, offset: string | number) =>
    names.map((name, i) => `${table}.${name} = ${array}[${offset} + ${i + 1}]`).join("\n");
  return `${REFUSE_WHEN_LATE}local K, A = {}, ${isRemembered ? "{ nonce = '' }" : "{}"}
${inFront}
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
