/**
 * Asks Redis for everything that is needed of it, at once: what its user may do, which version it is, whether it may evict
 * keys, what time it has. What is wrong is told with what to grant or set.
 */
import {
  CoordinatorUnavailableError,
  fromRedis,
  type KeySpace,
  type RedisCondition,
} from "@restart-coordinator/debounce";
import type { Cluster, Redis } from "ioredis";
import { SCRIPT_COMMANDS } from "./acl.ts";
import { readServerInfo, type ServerInfo } from "./server-info.ts";

export interface RedisFinding {
  /** With something fatal nothing works rightly before somebody has put it right. */
  readonly weight: "fatal" | "warning";
  /** A sentence. */
  readonly what: string;
  /** What a person has to grant or set. */
  readonly remedy: string;
}

export interface ExaminedRedis {
  readonly redis: Redis | Cluster;
  readonly keys: KeySpace;
  /** In front of every key. */
  readonly prefix: string;
  /** The user that the connection is made as. */
  readonly user: string;
  /** WAIT is needed, too. */
  readonly waitsForReplicas: boolean;
}

/** The oldest that the tests pass on. */
export const LOWEST_VERSION = "7.0";

/** Redis' clock decides everything but when BullMQ's delayed hints are due, and what a person reads in a log. */
const CLOCKS_DIFFER_MS = 60_000;

/** @throws CoordinatorUnavailableError when Redis is away, or takes no writes and has nothing else the matter with it */
export async function examineRedis(examined: ExaminedRedis): Promise<RedisFinding[]> {
  const asked = new Questions(examined);
  const servers = await asked.permitted("info", () => readServerInfo(examined.redis));
  await askForCommands(examined, asked);
  const findings = [...asked.refused(), ...(servers ?? []).flatMap(findingsOf), ...asked.clockFindings()];
  if (findings.some(({ weight }) => weight === "fatal")) return findings;
  if (asked.condition !== undefined) {
    throw new CoordinatorUnavailableError("it refused what was asked", asked.condition);
  }
  return findings;
}

async function askForCommands({ redis, keys, waitsForReplicas }: ExaminedRedis, asked: Questions): Promise<void> {
  const [first = ""] = keys.probes;
  const unknownScript = "0".repeat(40);
  await asked.permitted("evalsha", () => redis.evalsha(unknownScript, 1, first));
  await asked.permitted("bzpopmin", () => redis.bzpopmin(first, 0.01));
  await asked.permitted("multi, exec", () => redis.multi().exists(first).exec().catch(firstOfItsErrors));
  if (waitsForReplicas) await asked.permitted("wait", () => redis.call("WAIT", 0, 1));
  const commands = JSON.stringify(SCRIPT_COMMANDS);
  // In each slot that is written to: what keys are permitted is told by their names, and a Cluster has several servers.
  const probes = keys.probes.map(async (probe) => {
    const replies = await asked.permitted("eval", () => redis.eval(TRY, 2, probe, `${probe}:2`, commands));
    if (replies !== undefined) asked.take(replies as string[]);
  });
  await Promise.all(probes);
}

/** That EXEC came without a MULTI is told last, and why there was none before. */
function firstOfItsErrors(error: Error & { readonly previousErrors?: readonly Error[] }): never {
  throw error.previousErrors?.[0] ?? error;
}

/** KEYS: two at which there is nothing. ARGV: commands as JSON. Reply: the time in ms, then each command's error or ''. */
const TRY = `
local time = redis.pcall('TIME')
local replies = { time.err and '' or string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)) }
for _, command in ipairs(cjson.decode(ARGV[1])) do
  for i, word in ipairs(command) do
    if word == '$1' then command[i] = KEYS[1] elseif word == '$2' then command[i] = KEYS[2] end
  end
  local reply = redis.pcall(unpack(command))
  replies[#replies + 1] = type(reply) == 'table' and reply.err or ''
  redis.pcall('DEL', KEYS[1], KEYS[2])
end
return replies`;

/** What was asked, and what was said to it. */
class Questions {
  /** What keeps Redis from taking a write, if it does. */
  condition: RedisCondition | undefined;
  readonly #examined: ExaminedRedis;
  readonly #missing = new Set<string>();
  readonly #clocks: number[] = [];
  #forbiddenKeys = false;

  constructor(examined: ExaminedRedis) {
    this.#examined = examined;
  }

  /** Undefined when it is not permitted, or when Redis says anything else against it. */
  async permitted<Answer>(command: string, ask: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await ask();
    } catch (error) {
      const known = fromRedis(error);
      // Something about the question: it was permitted.
      if (!(known instanceof CoordinatorUnavailableError)) return undefined;
      if (known.condition === "not-permitted") this.#note(command, (known.cause as Error).message);
      else if (isNoWrite(known.condition)) this.condition = known.condition;
      else throw known;
      return undefined;
    }
  }

  /** Takes what the script has found. */
  take([time, ...errors]: readonly string[]): void {
    if (time !== "") this.#clocks.push(Number(time) - Date.now());
    for (const [i, message] of errors.entries()) {
      const [command] = SCRIPT_COMMANDS[i] as readonly [string];
      const known = message === "" ? undefined : fromRedis(Object.assign(new Error(message), { name: "ReplyError" }));
      if (!(known instanceof CoordinatorUnavailableError)) continue;
      if (known.condition === "not-permitted") this.#note(command.toLowerCase(), message);
      else this.condition = known.condition;
    }
  }

  #note(command: string, message: string): void {
    if (/\bkeys?\b/.test(message)) this.#forbiddenKeys = true;
    else for (const each of command.split(", ")) this.#missing.add(each);
  }

  refused(): RedisFinding[] {
    const { user, prefix } = this.#examined;
    const setUser = (rules: string) => `ACL SETUSER ${user} ${rules} (docs/deployment.md names all it needs)`;
    const findings: RedisFinding[] = [];
    if (this.#forbiddenKeys) {
      const what = `Redis does not permit its user "${user}" all keys that are needed`;
      findings.push({ weight: "fatal", what, remedy: setUser(`~{${prefix}:*`) });
    }
    if (this.#missing.size > 0) {
      const missing = [...this.#missing].sort();
      const what = `Redis does not permit its user "${user}" ${missing.join(", ")}`;
      findings.push({ weight: "fatal", what, remedy: setUser(missing.map((command) => `+${command}`).join(" ")) });
    }
    return findings;
  }

  clockFindings(): RedisFinding[] {
    const furthest = this.#clocks.reduce((most, by) => (Math.abs(by) > Math.abs(most) ? by : most), 0);
    if (Math.abs(furthest) < CLOCKS_DIFFER_MS) return [];
    const [by, which] = [Math.round(Math.abs(furthest) / 1_000), furthest > 0 ? "ahead of" : "behind"];
    const what = `the clock of Redis is ${by} s ${which} this machine's`;
    return [{ weight: "warning", what, remedy: "let both follow the same time server" }];
  }
}

/** It answers, and takes no writes. */
function isNoWrite(condition: RedisCondition): boolean {
  return ["read-only", "out-of-memory", "not-persisting", "too-few-replicas"].includes(condition);
}

function findingsOf({ version, evictionPolicy }: ServerInfo): RedisFinding[] {
  const findings: RedisFinding[] = [];
  if (isOlder(version)) {
    const what = `Redis is ${version}; the lowest version is ${LOWEST_VERSION}`;
    findings.push({ weight: "fatal", what, remedy: `use Redis ${LOWEST_VERSION} or later, or Valkey` });
  }
  if (evictionPolicy === undefined) {
    const what = "whether Redis evicts keys cannot be found out, neither by INFO nor by CONFIG";
    findings.push({ weight: "warning", what, remedy: EVICTION_REMEDY });
  } else if (evictionPolicy !== "noeviction") {
    findings.push({ weight: "fatal", what: describeEviction(evictionPolicy), remedy: EVICTION_REMEDY });
  }
  return findings;
}

export const EVICTION_REMEDY = "set maxmemory-policy noeviction";

/** Says what an eviction policy means here. */
export function describeEviction(policy: string): string {
  return `Redis may evict keys (maxmemory-policy ${policy}): a key that vanishes is a restart forgotten`;
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = LOWEST_VERSION.split(".").map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

/** A finding as one line for people. */
export function describeFinding({ what, remedy }: RedisFinding): string {
  return `${what}: ${remedy}`;
}
