/**
 * Preloaded into a worker or an API process: the process signals itself the first time it reaches the point that
 * FAULT_AT names, with FAULT_SIGNAL (SIGKILL unless told otherwise). The points:
 *
 *   after begin               the lease is taken, nothing else was done
 *   after journal <STEP>      the step is recorded, its side effect not made
 *   after effect <begin|end>  the side effect is made, nothing more recorded
 *   after end                 the cycle has ended, the job of its hint has not
 *   before hint               the decision is in Redis, its hint not in the queue
 */
import { Queue } from "bullmq";
import { RedisLedger } from "../../../apps/worker/src/provisioners/simulated-ledger.ts";
import { Transitions } from "../../../packages/debounce/src/transitions/transitions.ts";

let pending = process.env.FAULT_AT;
const signal = (process.env.FAULT_SIGNAL ?? "SIGKILL") as NodeJS.Signals;
const still = new Int32Array(new SharedArrayBuffer(4));

function reach(point: string): void {
  if (point !== pending) return;
  pending = undefined;
  process.kill(process.pid, signal);
  // The signal may take a moment: nothing else may happen in it.
  Atomics.wait(still, 0, 0, 50);
}

const { begin, journal, end } = Transitions.prototype;
Transitions.prototype.begin = async function (call) {
  const reply = await begin.call(this, call);
  if (reply.kind === "begun") reach("after begin");
  return reply;
};
Transitions.prototype.journal = async function (call) {
  const reply = await journal.call(this, call);
  if (reply.kind === "held") reach(`after journal ${(JSON.parse(call.journal) as { step: string }).step}`);
  return reply;
};
Transitions.prototype.end = async function (call) {
  const reply = await end.call(this, call);
  if (reply.kind === "ended") reach("after end");
  return reply;
};

const { apply } = RedisLedger.prototype;
RedisLedger.prototype.apply = async function (effect, actor) {
  const result = await apply.call(this, effect, actor);
  if (result === "applied") reach(`after effect ${effect}`);
  return result;
};

const { add } = Queue.prototype;
Queue.prototype.add = function (...job) {
  reach("before hint");
  return add.apply(this, job);
};
