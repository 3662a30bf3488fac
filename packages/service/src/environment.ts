/**
 * Every variable of ours is here once: its form, its default, what it means. The API and the worker pick theirs; both
 * know all names, so that a misspelt one is rejected wherever it turns up. docs/configuration.md lists the same.
 */
import { PROFILES } from "@restart-coordinator/debounce";
import { distance } from "fastest-levenshtein";
import { z } from "zod";
import { ConfigurationError } from "./configuration-error.ts";
import { notMilliseconds } from "./milliseconds.ts";

/** Node's timers count to 2^31 - 1; one that is longer fires at once. */
const LONGEST_TIMER_MS = 2_000_000_000;
const wholeMs = () => z.coerce.number({ error: notMilliseconds }).int();
const milliseconds = (defaultMs: number, least = 0) => wholeMs().min(least).max(LONGEST_TIMER_MS).default(defaultMs);
const port = z.coerce.number().int().min(0).max(65_535);
const flag = (usual: "true" | "false") =>
  z
    .enum(["true", "false"])
    .default(usual)
    .transform((text) => text === "true");
const json = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: "custom", message: "expected JSON" });
        return z.NEVER;
      }
    })
    .pipe(schema);

const argv = json(z.array(z.string()).min(1)).optional();

const shared = {
  /** redis://, redis+sentinel://h1:p,h2:p/master-name or redis+cluster://h1:p,h2:p; encrypted with rediss in front. */
  REDIS_URL: z.string().default("redis://127.0.0.1:6379"),
  /** PEM: whom a rediss:// connection trusts; what this machine trusts without it. */
  REDIS_TLS_CA_FILE: z.string().optional(),
  /** PEM: the certificate to show, and its key, where Redis asks for one. */
  REDIS_TLS_CERT_FILE: z.string().optional(),
  REDIS_TLS_KEY_FILE: z.string().optional(),
  /** The name in the servers' certificates, where it is not the one they are reached by. */
  REDIS_TLS_SERVER_NAME: z.string().optional(),
  /** What the Sentinels themselves ask for. */
  REDIS_SENTINEL_USERNAME: z.string().optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  /** Number of shards, the same at every process. */
  SHARDS: z.coerce.number().int().min(1).max(1_024).default(1),
  /** In front of every key. */
  RESTART_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/, "expected 1 to 32 letters, digits, _ or -")
    .default("rc"),
  RESTART_PROFILE: z.enum(PROFILES).optional(),
  /** YAML or JSON; see docs/policies.md. */
  RESTART_POLICY_FILE: z.string().optional(),
  /** Overrides the profile's and the file's cooldown, ms. */
  RESTART_COOLDOWN_MS: wholeMs().min(0).max(86_400_000).optional(),
  /** How long a worker may act without a word before another takes over, ms. */
  RESTART_LEASE_MS: milliseconds(15_000, 300),
  /** A trigger is acknowledged, and a cycle begins, only once as many replicas have it; 0 = once Redis has it. */
  RESTART_MIN_REPLICAS: z.coerce.number().int().min(0).max(100).default(0),
  /** How long to wait for them, ms. */
  RESTART_REPLICA_TIMEOUT_MS: milliseconds(100, 1),
  /** How often due work is looked for, ms. */
  RESTART_SWEEP_MS: milliseconds(1_000, 20),
  /** How long activity and an idle workspace's state are kept, ms. */
  RESTART_ACTIVITY_TTL_MS: z.coerce.number().int().min(1_000).max(2_592_000_000).default(604_800_000),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** One directory shared by all API replicas and all workers with the process provisioner. */
  WORKSPACES_DIR: z.string().default("workspaces"),
  /** "true": webhooks may lead to this machine and its network. */
  WEBHOOK_ALLOW_PRIVATE: flag("false"),
  /** How long an endpoint may take to answer, ms. */
  WEBHOOK_TIMEOUT_MS: wholeMs().min(1).max(60_000).default(10_000),
};

const PROVISIONERS = ["process", "ec2", "command", "simulated"] as const;

/** What a workspace is like unless its spec says otherwise: a worker runs it so, an API may check specs by it. */
const specDefaults = {
  /** What a workspace runs unless its spec says otherwise: a JSON array of strings. */
  PROCESS_COMMAND: json(z.array(z.string().min(1)).min(1)).optional(),
  /** From SIGTERM to SIGKILL, ms. */
  PROCESS_STOP_TIMEOUT_MS: milliseconds(10_000),
  /** From the start to readiness, ms. */
  PROCESS_START_TIMEOUT_MS: milliseconds(30_000, 1),
  /** A URL that answers 2xx once the workspace serves; {workspaceId} and {cycleId} are filled in. */
  PROCESS_READY_URL: z.string().optional(),
  /** The executables of the command provisioner, unless a workspace's spec says otherwise: JSON arrays of strings. */
  COMMAND_STOP: argv,
  COMMAND_START: argv,
  COMMAND_RESTART: argv,
  COMMAND_STATUS: argv,
  COMMAND_PREFLIGHT: argv,
  /** Their variables: a JSON object of strings. */
  COMMAND_ENV: json(z.record(z.string(), z.string())).default({}),
  /** How long stop, start and restart may take each, ms. */
  COMMAND_TIMEOUT_MS: wholeMs().min(1).max(3_600_000).default(300_000),
  /** How long status may go on saying no after a start, ms. */
  COMMAND_ONLINE_TIMEOUT_MS: wholeMs().min(1).max(3_600_000).default(60_000),
  /** How long one status or pre-flight may take, ms. */
  COMMAND_PROBE_TIMEOUT_MS: wholeMs().min(1).max(3_600_000).default(30_000),
  /** From SIGTERM to SIGKILL of a command, ms. */
  COMMAND_KILL_AFTER_MS: wholeMs().min(0).max(600_000).default(5_000),
  /** What a workspace's instance is like unless its spec says otherwise: JSON; see docs/ec2.md. */
  EC2_DEFAULTS: json(z.record(z.string(), z.unknown())).default({}),
  /** How long a simulated cycle takes, ms. */
  SIMULATED_DURATION_MS: milliseconds(1_000),
  /** Share of simulated attempts that fail, 0 to 1. */
  SIMULATED_FAIL_RATE: z.coerce.number().min(0).max(1).default(0),
};

const api = {
  /** The workers' provisioner, if specs shall be checked when they come in. */
  PROVISIONER: z.enum(PROVISIONERS).optional(),
  HOST: z.string().default("127.0.0.1"),
  PORT: port.default(8_080),
  /** Comma-separated name:scope:token. */
  API_TOKENS: z.string().optional(),
  /** Evaluate this profile beside the policy in force, without acting. */
  RESTART_SHADOW_PROFILE: z.enum(PROFILES).optional(),
  /** … or this policy file; RESTART_POLICY_FILE without it. */
  RESTART_SHADOW_POLICY_FILE: z.string().optional(),
  /** Directories in it are templates that can be imported by name. */
  TEMPLATES_DIR: z.string().optional(),
  /** Largest file, bytes. */
  MAX_FILE_BYTES: z.coerce.number().int().min(1).max(1_073_741_824).default(10_485_760),
};

const worker = {
  PROVISIONER: z.enum(PROVISIONERS).default("process"),
  /** Which shards this worker takes, such as 0,4-7; all without it. Every shard needs a worker. */
  WORKER_SHARDS: z
    .string()
    .regex(/^\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*$/, "expected shard numbers such as 0,4-7")
    .transform(shardList)
    .optional(),
  /** Cycles this worker runs at a time. */
  CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(10),
  /** Cycles that run at a time, over all workers; no cap without it. The same at every worker. */
  RESTART_MAX_RUNNING: z.coerce.number().int().min(1).max(100_000).optional(),
  /** With a cap, turns go round by this tag of the workspaces. */
  RESTART_TENANT_TAG: z.string().min(1).max(64).default("tenant"),
  /** Every workspace is looked at so often, ms; 0 = never. */
  RESTART_OBSERVE_MS: milliseconds(15_000),
  /** A cycle that takes longer has failed, ms. */
  CYCLE_DEADLINE_MS: milliseconds(600_000, 100),
  /** Health and metrics are served here; without it, nowhere. 0 = any free port. */
  METRICS_PORT: port.optional(),
  METRICS_HOST: z.string().default("127.0.0.1"),
  /** What /metrics asks for: Authorization: Bearer …; needed on any address but loopback. */
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, "expected 16 or more characters that a header can carry, and no space")
    .optional(),
  /** How long a worker that was told to stop may finish its cycles before it hands them over, ms. */
  SHUTDOWN_GRACE_MS: milliseconds(10_000),
  /** The pause after a webhook's first failed attempt, ms; it doubles up to WEBHOOK_SET_ASIDE_MS. */
  WEBHOOK_RETRY_MS: milliseconds(5_000, 1),
  /** An event that a webhook does not take for this long, although it takes others, is set aside, ms. */
  WEBHOOK_SET_ASIDE_MS: milliseconds(900_000, 1),
  /** A webhook that takes nothing for this long is disabled, ms. */
  WEBHOOK_GIVE_UP_MS: milliseconds(86_400_000, 1),
  /** Names this coordinator in an AWS account that several may share. */
  EC2_OWNER: z
    .string()
    .regex(/^[\w.@:+=-]{1,64}$/, "expected 1 to 64 letters, digits or . _ @ : + = -")
    .optional(),
  /** Where to find EC2 instead of AWS. */
  EC2_ENDPOINT: z.url().optional(),
  /** How much of the account's request limits is ours. */
  EC2_SHARE: z.coerce.number().gt(0).max(1).default(0.9),
  /** How often instances that leaked are looked for, ms; 0 = never. */
  EC2_RECONCILE_MS: milliseconds(300_000),
  /** "true": leaked instances are terminated after their grace period, not only reported. */
  EC2_TERMINATE_ORPHANS: flag("false"),
  /** Keep the ledger of simulated side effects in Redis under this name. */
  SIMULATED_LEDGER: z.string().optional(),
  /** The server that keeps it; REDIS_URL without it. */
  SIMULATED_LEDGER_URL: z.string().optional(),
};

function shardList(text: string): number[] {
  const ranges = text.split(",").map((range) => range.split("-").map(Number) as [number, number?]);
  const shards = ranges.flatMap(([from, to = from]) =>
    Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i),
  );
  return [...new Set(shards)];
}

export const apiEnvironment = z.object({ ...shared, ...specDefaults, ...api });
export const workerEnvironment = z.object({ ...shared, ...specDefaults, ...worker });
export const VARIABLES: readonly string[] = Object.keys({ ...shared, ...specDefaults, ...api, ...worker });

export type SharedEnvironment = z.infer<z.ZodObject<typeof shared>>;
export type ApiEnvironment = z.infer<typeof apiEnvironment>;
export type WorkerEnvironment = z.infer<typeof workerEnvironment>;

/**
 * Reads and checks the environment. An empty or blank variable counts as not set.
 * @throws ConfigurationError naming every slip
 */
export function readEnvironment<Schema extends z.ZodObject>(schema: Schema, env: NodeJS.ProcessEnv): z.infer<Schema> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim() !== ""));
  const problems = misspelt(Object.keys(given));
  const result = schema.safeParse(given);
  if (!result.success) {
    for (const { path, message } of result.error.issues)
      problems.push(`${path.join(".")}: ${message}${gotten(path[0], given)}`);
  }
  if (!result.success || problems.length > 0) throw new ConfigurationError(problems);
  return result.data;
}

const SECRET = /TOKEN|URL|SECRET|PASSWORD|EC2_DEFAULTS|COMMAND_ENV/;

function gotten(name: PropertyKey | undefined, given: Record<string, string | undefined>): string {
  const value = given[String(name)];
  return value === undefined || SECRET.test(String(name)) ? "" : `, got ${JSON.stringify(value.slice(0, 100))}`;
}

const OURS_ALONE = /^(RESTART|SIMULATED)_/;
const SHORTEST_COMPARED = 8;

/** A name that only we would use, or that is all but one of ours, is a slip: silence would run with the default. */
function misspelt(names: readonly string[]): string[] {
  const problems: string[] = [];
  for (const name of names) {
    if (VARIABLES.includes(name)) continue;
    const [nearest, edits] = nearestTo(name, VARIABLES);
    const isNear = name.length >= SHORTEST_COMPARED && nearest.length >= SHORTEST_COMPARED && edits <= 2;
    if (isNear || OURS_ALONE.test(name)) problems.push(`unknown variable ${name}: did you mean ${nearest}?`);
  }
  return problems;
}

/** Finds the name that takes the fewest edits. */
export function nearestTo(name: string, known: readonly string[]): [nearest: string, edits: number] {
  let best: [string, number] = ["", Number.POSITIVE_INFINITY];
  for (const candidate of known) {
    const edits = distance(name, candidate);
    if (edits < best[1]) best = [candidate, edits];
  }
  return best;
}
