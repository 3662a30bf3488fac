export { type CommandOptions, CommandProvisioner } from "./command-provisioner.ts";
export type { CommandSpec } from "./spec.ts";
