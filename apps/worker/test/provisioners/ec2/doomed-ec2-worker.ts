// A worker process that runs one cycle against EC2 and kills itself at its nth point: right before or right after a
// journal entry or a call that changes something. Prints each point, and each journal entry that was written, as a line.
import { writeSync } from "node:fs";
import { connectEc2, Ec2Provisioner } from "../../../src/provisioners/ec2/index.ts";
import { batched } from "../../../src/provisioners/ec2/pacing/index.ts";
import type { Journal, Workspace } from "../../../src/provisioners/provisioner.ts";
import { testCycle } from "../test-cycle.ts";
import { Mortal } from "./mortal.ts";
import { FAST, OWNER } from "./test-settings.ts";

export interface DoomedEc2Worker {
  readonly endpoint: string;
  readonly workspace: Workspace;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly cycleId: string;
  readonly fencingToken: number;
  /** Counted from 0. */
  readonly diesAt: number;
}

export type DoomedLine = { readonly point: string } | { readonly journal: Journal };

// Not console.log: it must be out before the signal comes.
const print = (line: DoomedLine): void => void writeSync(1, `${JSON.stringify(line)}\n`);

const options = JSON.parse(process.argv[2] ?? "") as DoomedEc2Worker;
let points = 0;
const worker = new Mortal(Number.POSITIVE_INFINITY, (point) => {
  print({ point });
  if (points++ === options.diesAt) process.kill(process.pid, "SIGKILL");
});
const api = batched(connectEc2({ endpoint: options.endpoint }), {
  describeCollectMs: 0,
  terminateCollectMs: 0,
});
const provisioner = new Ec2Provisioner({
  api: worker.api(api),
  owner: OWNER,
  defaults: options.defaults,
  timing: FAST,
});
const { workspace, cycleId: id, fencingToken } = options;
const record = worker.record(async (journal) => print({ journal }));
await provisioner.restart(testCycle({ workspace, id, fencingToken, signal: worker.signal, record }));
