import type { Logger } from "pino";
import type { SharedEnvironment } from "./environment.ts";
import type { LivePolicies } from "./policy-file/index.ts";
import { describeAddress, parseRedisUrl } from "./redis/address.ts";

/** The first line of a process' log: by which policy it works, and where. @throws ConfigurationError */
export function logStart(config: SharedEnvironment, policies: LivePolicies, logger: Logger): void {
  const fields = {
    profile: policies.policies.explainedCommon.profile,
    policyRevision: policies.revision,
    prefix: config.RESTART_PREFIX,
    redis: describeAddress(parseRedisUrl(config.REDIS_URL)),
  };
  logger.info(fields, `starting with the profile ${fields.profile} on ${fields.redis}`);
}
