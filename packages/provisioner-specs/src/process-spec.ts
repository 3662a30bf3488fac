import { z } from "zod";
import { type Checked, explain, problemsOf } from "./checked.ts";

const readinessSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("started"),
    /** How long it must have stayed alive, in ms: a command that fails at once is not a good restart. */
    aliveForMs: z.int().min(0).max(600_000).default(500),
  }),
  z.strictObject({
    kind: z.literal("url"),
    /**
     * A GET of it answers 2xx, and nothing answers it while the process is down. `{workspaceId}` and `{cycleId}` in it
     * are replaced.
     */
    url: z.url({ protocol: /^https?$/ }),
  }),
  z.strictObject({
    kind: z.literal("file"),
    /** Written by the new process; relative to the files directory. A file older than the launch does not count. */
    path: z.string().min(1),
  }),
]);

/** What the provisioner sets itself, and what its launcher uses while it still is a shell. */
const reservedName = /^(WORKSPACE_ID|WORKSPACE_FILES|RESTART_CYCLE_ID|RESTART_FENCING_TOKEN|IFS|PWD|OLDPWD|fenced_.*)$/;

const noNul = z.string().refine((text) => !text.includes("\0"), "must not contain a NUL character");

const specSchema = z.strictObject({
  /** Executable and arguments; no shell is involved. A relative path with a slash starts at the files directory. */
  command: z.tuple([noNul.regex(/^[^-]/, "must be an executable's name or path")], noNul),
  /** Added to what the provisioner gives every process. A workspace's variables are laid over the default ones. */
  env: z
    .record(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "not a variable name")
        .refine((name) => !reservedName.test(name), "is set by the provisioner"),
      noNul,
    )
    .default({}),
  /** From SIGTERM to SIGKILL, in ms. */
  stopTimeoutMs: z.int().min(0).max(600_000).default(10_000),
  /** From the launch until it must be ready, in ms. */
  startTimeoutMs: z.int().min(1).max(3_600_000).default(30_000),
  readiness: readinessSchema.prefault({ kind: "started" }),
});

const resolvedSchema = specSchema.refine(
  ({ readiness, startTimeoutMs }) => readiness.kind !== "started" || readiness.aliveForMs <= startTimeoutMs,
  { path: ["readiness", "aliveForMs"], message: "must not be longer than startTimeoutMs" },
);

/** How a workspace's process is run, every field given. */
export type ResolvedProcessSpec = z.output<typeof resolvedSchema>;
export type ProcessReadiness = ResolvedProcessSpec["readiness"];

/** As an operator or a workspace gives it; every field may be left out, but one of the two must name a command. */
export type ProcessSpec = Partial<z.input<typeof specSchema>>;

/** Checks the defaults at start-up. @throws Error naming each bad field */
export function checkProcessDefaults(defaults: ProcessSpec): void {
  const result = specSchema.partial().safeParse(defaults);
  if (!result.success) throw new Error(explain(problemsOf("process provisioner defaults", result.error)));
}

type Given = Readonly<Record<string, unknown>>;

/** Lays a workspace's spec over the defaults and checks the whole: `env` variable by variable, the rest field by field. */
export function checkProcessSpec(spec: Given, defaults: ProcessSpec): Checked<ResolvedProcessSpec> {
  const { env, ...rest } = spec;
  const own = typeof env === "object" && env !== null && !Array.isArray(env);
  const merged = { ...defaults, ...rest, env: own ? { ...defaults.env, ...env } : (env ?? defaults.env) };
  const result = resolvedSchema.safeParse(merged);
  return result.success ? { ok: true, spec: result.data } : { ok: false, problems: problemsOf("spec", result.error) };
}

/** The same for one field, for when a spec that does not hold must not be in the way: `stop` and `status`. */
export function stopTimeoutOf(spec: Given, defaults: ProcessSpec): number {
  const field = specSchema.shape.stopTimeoutMs;
  return field.catch(field.parse(defaults.stopTimeoutMs)).parse(spec.stopTimeoutMs ?? defaults.stopTimeoutMs);
}

export function readinessOf(spec: Given, defaults: ProcessSpec): ProcessReadiness | undefined {
  return readinessSchema.safeParse(spec.readiness ?? defaults.readiness).data;
}
