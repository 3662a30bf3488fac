export { checkEc2Defaults, checkEc2Spec } from "./check-ec2-spec.ts";
export { type Checked, explain, type SpecProblem } from "./checked.ts";
export {
  type Argv,
  type CommandSpec,
  checkCommandDefaults,
  checkCommandSpec,
  type ResolvedCommandSpec,
} from "./command-spec.ts";
export { commandDefaults, ec2Defaults, processDefaults, type SpecVariables, simulatedDefaults } from "./defaults.ts";
export {
  type DataVolume,
  type Ec2Readiness,
  type Ec2Spec,
  ec2SpecShape,
  type ResolvedEc2Spec,
  type StrategyName,
} from "./ec2-spec.ts";
export {
  checkProcessDefaults,
  checkProcessSpec,
  type ProcessReadiness,
  type ProcessSpec,
  type ResolvedProcessSpec,
  readinessOf,
  stopTimeoutOf,
} from "./process-spec.ts";
export { checkSimulatedSpec, type SimulatedSettings, type SimulatedSpec } from "./simulated-spec.ts";
export { noSpecCheck, type ProvisionerName, type SpecCheck, specCheckFor } from "./spec-check.ts";
