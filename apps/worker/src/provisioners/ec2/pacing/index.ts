export { BatchedEc2Api, type BatchOptions } from "./batched-api.ts";
export { AWS_LIMITS, type BucketLimit, type LaneLimits, type LaneName, ownLimits, type PaceLimits } from "./limits.ts";
export { PacedEc2Api, type PaceOptions } from "./paced-api.ts";
