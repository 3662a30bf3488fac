export { removeControlDirectory } from "./control-directory.ts";
export { type ProcessOptions, ProcessProvisioner } from "./process-provisioner.ts";
