export type { Ec2Api } from "./api.ts";
export { type Ec2Options, Ec2Provisioner } from "./ec2-provisioner.ts";
export { SdkEc2Api } from "./sdk-api.ts";
