/** What the person who runs the demo may choose. */
import { parseArgs } from "node:util";
import { PROFILES, type Profile } from "@restart-coordinator/debounce";
import { nearestTo } from "@restart-coordinator/service";

export interface Options {
  readonly profile: Profile;
  /** A file, or the name of one of the traces that come with the project. */
  readonly trace: string;
  /** What the trace's and the policy's times are divided by; undefined = so that it takes about half a minute. */
  readonly speed: number | undefined;
  /** What the workspaces run on. */
  readonly provisioner: "process" | "ec2";
  /** How long a restart takes, in the trace's time, ms. */
  readonly cycleMs: number;
  readonly kill: boolean;
  readonly keep: boolean;
  readonly json: boolean;
}

export const HELP = `Replays a recorded Save against 3 API processes, 2 worker processes and a real workspace process, or an EC2 instance.

Usage: npm run demo -- [options]

  --profile NAME   seed, default or settle: which policy decides (default: default)
  --trace NAME     a file, or one of the traces/ that come with this (default: canvas-save)
  --speed N        divides the trace's and the policy's times alike (default: done in about half a minute)
  --provisioner P  process, or ec2: instances of moto, an EC2 server, destroyed and created again (default: process)
  --cycle TIME     how long one restart takes in the trace's time, such as 30s or 500ms (default: 30s)
  --kill           in mid-burst, SIGKILLs the API about to take a write and the worker that runs the cycle
  --keep           leaves everything running at the end and prints how to reach it, until Ctrl-C
  --json           prints the summary as JSON, too: the last line of the output
  --help           this

Uses the Redis of REDIS_URL, under keys of its own that it removes, or starts one for itself.
Exit code: 0 every promise held, 1 one was broken, 2 wrong usage, 3 could not run, 130 interrupted.
`;

const PROVISIONERS = ["process", "ec2"] as const;

/** What was asked for makes no sense: the message is for the person who asked. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const FLAGS = {
  profile: { type: "string", default: "default" },
  trace: { type: "string", default: "canvas-save" },
  speed: { type: "string" },
  cycle: { type: "string", default: "30s" },
  provisioner: { type: "string", default: "process" },
  kill: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** @throws UsageError */
export function parseOptions(args: readonly string[]): Options | "help" {
  const values = parse(args);
  if (values.help) return "help";
  const profile = PROFILES.find((name) => name === values.profile);
  if (profile === undefined) {
    throw new UsageError(`--profile: expected ${PROFILES.join(", ")}, got ${JSON.stringify(values.profile)}`);
  }
  const provisioner = PROVISIONERS.find((name) => name === values.provisioner);
  if (provisioner === undefined) {
    const got = JSON.stringify(values.provisioner);
    throw new UsageError(`--provisioner: expected ${PROVISIONERS.join(" or ")}, got ${got}`);
  }
  const { trace, kill, keep, json } = values;
  return {
    profile,
    trace,
    speed: values.speed === undefined ? undefined : speedFrom(values.speed),
    provisioner,
    cycleMs: timeFrom(values.cycle),
    kill,
    keep,
    json,
  };
}

/** Edits. */
const LIKELY_SLIP = 2;

function parse(args: readonly string[]) {
  for (const arg of args) {
    const name = /^--([^=]+)/.exec(arg)?.[1];
    if (name === undefined || Object.hasOwn(FLAGS, name)) continue;
    const [nearest, edits] = nearestTo(name, Object.keys(FLAGS));
    const known = Object.keys(FLAGS).map((flag) => `--${flag}`);
    const hint = edits <= LIKELY_SLIP ? `did you mean --${nearest}?` : `expected one of ${known.join(", ")}`;
    throw new UsageError(`unknown option --${name}: ${hint}`);
  }
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // Node's own words: "Option '--speed <value>' argument missing", "Unexpected argument 'x'…".
    throw new UsageError((error as Error).message);
  }
}

const FASTEST = 100;

function speedFrom(text: string): number {
  const speed = Number(text);
  if (text.trim() !== "" && speed > 0 && speed <= FASTEST) return speed;
  throw new UsageError(`--speed: expected a number above 0, at most ${FASTEST}, got ${JSON.stringify(text)}`);
}

const LONGEST_CYCLE_MS = 600_000;

function timeFrom(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? [];
  const ms = Number(amount) * (unit === "s" ? 1_000 : 1);
  if (ms <= LONGEST_CYCLE_MS) return ms;
  throw new UsageError(`--cycle: expected a time such as 30s or 500ms, at most 600s, got ${JSON.stringify(text)}`);
}
