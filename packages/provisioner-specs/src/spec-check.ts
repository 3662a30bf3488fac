import { checkEc2Spec } from "./check-ec2-spec.ts";
import type { Checked, SpecProblem } from "./checked.ts";
import { checkCommandSpec } from "./command-spec.ts";
import { commandDefaults, ec2Defaults, processDefaults, type SpecVariables, simulatedDefaults } from "./defaults.ts";
import { checkProcessSpec } from "./process-spec.ts";
import { checkSimulatedSpec } from "./simulated-spec.ts";

type Given = Readonly<Record<string, unknown>>;

/** For each provisioner, by its name in PROVISIONER: what it makes of the variables, then of a spec. */
const CHECKS = {
  process: (variables: SpecVariables) => {
    const defaults = processDefaults(variables);
    return (spec: Given) => checkProcessSpec(spec, defaults);
  },
  ec2: (variables: SpecVariables) => {
    const defaults = ec2Defaults(variables);
    return (spec: Given) => checkEc2Spec(spec, defaults);
  },
  command: (variables: SpecVariables) => {
    const defaults = commandDefaults(variables);
    return (spec: Given) => checkCommandSpec(spec, defaults);
  },
  simulated: (variables: SpecVariables) => {
    const defaults = simulatedDefaults(variables);
    return (spec: Given) => checkSimulatedSpec(spec, defaults);
  },
} satisfies Record<string, (variables: SpecVariables) => (spec: Given) => Checked<unknown>>;

export type ProvisionerName = keyof typeof CHECKS;

/** All that is wrong with a workspace's spec; nothing when it holds. */
export type SpecCheck = (spec: Given) => readonly SpecProblem[];

/** Nobody knows what a worker makes of it: whatever came in is accepted. */
export const noSpecCheck: SpecCheck = () => [];

/** As a worker with these variables would check it. @throws Error naming each bad field of the variables */
export function specCheckFor(provisioner: ProvisionerName, variables: SpecVariables): SpecCheck {
  const check = CHECKS[provisioner](variables);
  return (spec) => {
    const checked = check(spec);
    return checked.ok ? [] : checked.problems;
  };
}
