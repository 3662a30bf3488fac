export { type CommandOptions, CommandProvisioner } from "./command-provisioner.ts";
