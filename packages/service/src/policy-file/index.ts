export type { ExplainedPolicy } from "./layered-policy.ts";
export { LivePolicies, type PolicyFileStatus } from "./live-policies.ts";
export { type ExplainedPolicySet, loadPolicies, type PolicySettings, policiesOf } from "./load.ts";
export { type PolicyFile, policyFile } from "./schema.ts";
