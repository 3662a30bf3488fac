/** Which executables restart a workspace, and what the worker's defaults may say. */
import { z } from "zod";
import { type Checked, explain, problemsOf } from "./checked.ts";

const noNul = z.string().refine((text) => !text.includes("\0"), "must not contain a NUL character");

/**
 * Executable and arguments; no shell is involved. `{workspaceId}` and `{cycleId}` are filled in within arguments. An
 * executable is found by PATH or named by an absolute path: the workspace's own files must not decide what is executed.
 */
const argv = z.tuple(
  [noNul.regex(/^(?:\/.*|[^-/][^/]*)$/, "must be an executable on the PATH or an absolute path to one")],
  noNul,
);

/** What every command is given; see command-environment.ts. */
const reservedName =
  /^(WORKSPACE_ID|WORKSPACE_FILES|RESTART_CYCLE_ID|RESTART_ATTEMPT|RESTART_FENCING_TOKEN|RESTART_ACTION)$/;

const milliseconds = (defaultMs: number) => z.int().min(1).max(3_600_000).default(defaultMs);

const shape = z.strictObject({
  /** Stops what runs; nothing running must be a success. */
  stop: argv.optional(),
  /** Starts it, from stopped. */
  start: argv.optional(),
  /** Restarts it in one go, or starts it when it is stopped, instead of `stop` and `start`. */
  restart: argv.optional(),
  /** 0 while it serves. With it, a restart is over once it says so; without it, once the start has ended. */
  status: argv.optional(),
  /** Anything but 0 says no, before anything is touched. */
  preflight: argv.optional(),
  /** Added to what every command is given. A workspace's variables are laid over the default ones. */
  env: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a variable name")
        .refine((name) => !reservedName.test(name), "is set by the provisioner"),
      noNul,
    )
    .default({}),
  /** How long stop, start and restart may take each, ms. */
  timeoutMs: milliseconds(300_000),
  /** How long `status` may go on saying no after a start, ms. */
  onlineTimeoutMs: milliseconds(60_000),
  /** How long one status or preflight may take, ms. */
  probeTimeoutMs: milliseconds(30_000),
  /** From SIGTERM to SIGKILL of the command's process group, ms. */
  killAfterMs: z.int().min(0).max(600_000).default(5_000),
});

export type Argv = z.output<typeof argv>;

/** How a workspace is restarted, every field given that has a default. */
export type ResolvedCommandSpec = z.output<typeof shape> & { readonly stop: Argv };

/** As an operator or a workspace gives it; every field may be left out. */
export type CommandSpec = Partial<z.input<typeof shape>>;

/**
 * Lays a workspace's spec over the worker's defaults and checks the whole. `env` is merged variable by variable, every
 * other field replaces the default; null takes a default away.
 */
export function checkCommandSpec(
  spec: Readonly<Record<string, unknown>>,
  defaults: CommandSpec,
): Checked<ResolvedCommandSpec> {
  const merged: Record<string, unknown> = { ...defaults, ...spec };
  if (isRecord(defaults.env) && isRecord(spec.env)) merged.env = { ...defaults.env, ...spec.env };
  for (const [field, value] of Object.entries(merged)) if (value === null) delete merged[field];
  const result = shape.safeParse(merged);
  if (!result.success) return { ok: false, problems: problemsOf("spec", result.error) };
  const { stop, start, restart } = result.data;
  if (stop === undefined) {
    return problem("stop", "needed; pausing and removing a workspace stop it");
  }
  if (start === undefined && restart === undefined) {
    return problem("start", "needed, or restart in its place");
  }
  if (start !== undefined && restart !== undefined) {
    return problem("restart", "takes the place of start; set the one that is not wanted to null");
  }
  return { ok: true, spec: { ...result.data, stop } };
}

/** Checks the worker's defaults alone, at start-up. @throws Error naming each bad field */
export function checkCommandDefaults(defaults: CommandSpec): void {
  const result = shape.safeParse(defaults);
  if (!result.success) throw new Error(explain(problemsOf("command provisioner defaults", result.error)));
}

function problem(field: string, message: string): Checked<never> {
  return { ok: false, problems: [{ field: `spec.${field}`, message }] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
