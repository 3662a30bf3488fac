// A worker process that runs one cycle against EC2 and kills itself at a named point: "after record LAUNCHING",
// "before runInstances" … Prints each journal entry that was written as a line of JSON.
import { writeSync } from "node:fs";
import { Ec2Provisioner, SdkEc2Api } from "../../../src/provisioners/ec2/index.ts";
import type { Workspace } from "../../../src/provisioners/provisioner.ts";
import { FAST, OWNER } from "./ec2-harness.ts";
import { idempotent } from "./idempotent-api.ts";
import { Mortal } from "./mortal.ts";

export interface DoomedEc2Worker {
  readonly endpoint: string;
  readonly workspace: Workspace;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly cycleId: string;
  readonly fencingToken: number;
  readonly at: string;
}

const options = JSON.parse(process.argv[2] ?? "") as DoomedEc2Worker;
const worker = new Mortal(Number.POSITIVE_INFINITY, (point) => {
  if (point === options.at) process.kill(process.pid, "SIGKILL");
});
const provisioner = new Ec2Provisioner({
  api: worker.api(idempotent(new SdkEc2Api({ endpoint: options.endpoint }))),
  owner: OWNER,
  defaults: options.defaults,
  timing: FAST,
});
await provisioner.restart({
  workspace: options.workspace,
  id: options.cycleId,
  fencingToken: options.fencingToken,
  attempt: 1,
  signal: worker.signal,
  journal: undefined,
  action: "restart",
  leftover: undefined,
  // Not console.log: it must be out before the signal comes.
  record: worker.record(async (journal) => void writeSync(1, `${JSON.stringify(journal)}\n`)),
  step: () => {},
  safePoint: () => {},
});
