/** What a workspace may say about its instance, and what the worker's defaults may. */
import { z } from "zod";

export const STRATEGIES = ["replace", "recreate", "stop-start", "replace-root", "reboot"] as const;
export type StrategyName = (typeof STRATEGIES)[number];

const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `expected ${prefix}-…`);

const launchTemplateSchema = z
  .strictObject({
    id: id("lt").optional(),
    name: z.string().min(3).max(128).optional(),
    /** A number, or which one to take when a cycle is planned: from then on the cycle keeps that number. */
    version: z.union([z.int().min(1), z.enum(["$Default", "$Latest"])]).default("$Default"),
  })
  .refine((template) => (template.id === undefined) !== (template.name === undefined), "expected either id or name");

const readinessSchema = z.discriminatedUnion("kind", [
  /** The instance state is "running". */
  z.strictObject({ kind: z.literal("running") }),
  /** Running, and both EC2 status checks (system and instance) are ok. */
  z.strictObject({ kind: z.literal("status-checks") }),
  z.strictObject({
    kind: z.literal("url"),
    /**
     * Running, and a GET of it answers 2xx within 2 s. Replaced in it: {privateIp} {publicIp} {privateDns} {publicDns}
     * {instanceId} {workspaceId} {cycleId}.
     */
    url: z.string().regex(/^https?:\/\/\S+$/, "expected an http(s) URL"),
    /** The answer's body must contain the cycle id: nothing but the new start can give it. */
    echo: z.boolean().default(true),
  }),
]);

const tagsSchema = z.record(z.string().min(1).max(128), z.string().max(256)).superRefine((tags, context) => {
  for (const key of Object.keys(tags)) {
    if (/^aws:/i.test(key)) context.addIssue({ code: "custom", path: [key], message: "aws: keys are AWS's" });
    if (key.startsWith("restart-coordinator:")) {
      context.addIssue({ code: "custom", path: [key], message: "restart-coordinator: keys are the worker's" });
    }
  }
});

const milliseconds = (defaultMs: number) => z.int().min(1).max(86_400_000).default(defaultMs);

const deadlinesSchema = z.strictObject({
  /** From the launch, start or reboot until it must be ready, ms. */
  readyMs: milliseconds(300_000),
  /** Until a stopped instance must be "stopped", a volume attached or detached, ms. */
  stopMs: milliseconds(300_000),
  /** Until a terminated instance must be "terminated", ms. */
  terminateMs: milliseconds(600_000),
  /** How long an instance that was just launched may be unknown to EC2, ms. */
  visibleMs: milliseconds(300_000),
});

export const ec2SpecShape = z.strictObject({
  strategy: z.enum(STRATEGIES).optional(),
  launchTemplate: launchTemplateSchema.optional(),
  /** Overrides the template's. */
  imageId: id("ami").optional(),
  /** Tried in this order when one is not to be had. */
  instanceTypes: z
    .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, "expected a type like m7i.large"))
    .max(10)
    .default([]),
  /** Tried in this order when one has no capacity. */
  subnetIds: z.array(id("subnet")).max(10).default([]),
  securityGroupIds: z.array(id("sg")).max(16).default([]),
  /** Name or ARN. */
  instanceProfile: z.string().min(1).max(2_048).optional(),
  keyName: z.string().min(1).max(255).optional(),
  /** Plain text, at most 16 KiB once rendered: {workspaceId} and {cycleId} are replaced unless a $ stands before them. */
  userData: z.string().max(16_384).optional(),
  tags: tagsSchema.default({}),
  /** Attached at each new instance, kept for ever. */
  volumes: z
    .array(
      z.strictObject({
        id: id("vol"),
        device: z.string().regex(/^(\/dev\/)?(sd|xvd)[b-z][a-z0-9]?$/, "expected a device like /dev/sdf"),
      }),
    )
    .max(10)
    .default([]),
  readiness: readinessSchema.prefault({ kind: "running" }),
  deadlines: deadlinesSchema.prefault({}),
  /** Lets the instance read its tags, the cycle id among them, from the metadata service. */
  metadataTags: z.boolean().default(false),
  /** 2 or more lets containers reach the metadata service. The template's, or else 1. */
  metadataHopLimit: z.int().min(1).max(64).optional(),
});

/** How a workspace's instance is made and restarted, every field given that has a default. */
export type ResolvedEc2Spec = Omit<z.output<typeof ec2SpecShape>, "strategy"> & {
  readonly strategy: StrategyName;
  /** Nobody may choose another one. */
  readonly strategyGiven: boolean;
};
export type Ec2Readiness = ResolvedEc2Spec["readiness"];
export type DataVolume = ResolvedEc2Spec["volumes"][number];

/** As an operator or a workspace gives it; every field may be left out. */
export type Ec2Spec = Partial<z.input<typeof ec2SpecShape>>;
