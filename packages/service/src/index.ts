/** What both processes need, and nothing of what either does. */
export { ConfigurationError } from "./configuration-error.ts";
export {
  type ApiEnvironment,
  apiEnvironment,
  nearestTo,
  readEnvironment,
  VARIABLES,
  type WorkerEnvironment,
  workerEnvironment,
} from "./environment.ts";
export { HINT_JOB, HINT_QUEUE, type HintData, HintQueues, jobIdOf, workspaceOfJob } from "./hint-queue.ts";
export { installationOf } from "./installation.ts";
export { Bell } from "./lifecycle/bell.ts";
export { IntervalLoop, type IntervalLoopOptions } from "./lifecycle/interval-loop.ts";
export { BackgroundService, type Service, StillUnderWayError } from "./lifecycle/service.ts";
export { type Listed, ServiceList } from "./lifecycle/service-list.ts";
export { type Address, listen } from "./listen.ts";
export { createLogger } from "./logger.ts";
export { isLoopback } from "./loopback.ts";
export { ApiMetrics } from "./metrics/api-metrics.ts";
export type { Exposition } from "./metrics/process-metrics.ts";
export { WorkerMetrics } from "./metrics/worker-metrics.ts";
export {
  type ExplainedPolicy,
  type ExplainedPolicySet,
  LivePolicies,
  loadPolicies,
  type PolicyFileStatus,
  type PolicySettings,
} from "./policy-file/index.ts";
export { policyWatch, redisConnection, shardCountCheck } from "./process-services.ts";
export { connectRedis, type Patience } from "./redis.ts";
export { type StreamEntry, StreamFollower, type StreamFollowerOptions } from "./stream-follower.ts";
export { lossLog } from "./tracing/loss-log.ts";
export type { Tracing } from "./tracing/tracing.ts";
export { inTime, within } from "./within.ts";
export { ZONE_RULES, zoneRulesWatch } from "./zone-rules.ts";
