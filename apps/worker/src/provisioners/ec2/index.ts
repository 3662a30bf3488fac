export { EC2_ACTIONS } from "./answers.ts";
export type { Ec2Api } from "./api.ts";
export { type Ec2Options, Ec2Provisioner } from "./ec2-provisioner.ts";
export type { PacedRequest, RequestOptions } from "./requests.ts";
export { connectEc2, type Ec2Connection } from "./sdk-api.ts";
