export { type BatchOptions, batched } from "./batched.ts";
export { AWS_LIMITS, type BucketLimit, type LaneLimits, type LaneName, ownLimits, type PaceLimits } from "./limits.ts";
export { type PaceOptions, Pacer } from "./pacer.ts";
