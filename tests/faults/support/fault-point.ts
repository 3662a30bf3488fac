/**
 * Preloaded into a worker or an API process: the process signals itself the first time it reaches the point that
 * FAULT_AT names, with FAULT_SIGNAL (SIGKILL unless told otherwise). The points:
 *
 *   after begin               the lease is taken, nothing else was done
 *   after journal <STEP>      the step is recorded, its side effect not made
 *   after effect <begin|end>  the side effect is made, nothing more recorded
 *   after end                 the cycle has ended, the job of its hint has not
 *   after stage               a file that was sent is whole, and not in place
 *   after announce            it is noted that it will be put in place
 *   after place               it is in place, nothing was triggered
 *   after removal             a file is gone, or all that a set left out, nothing was triggered
 *   after trigger             the trigger is recorded, the note of the write is still there
 *   after settle              the note is gone, the answer not sent
 *   before hint               the decision is in Redis, its hint not in the queue
 */
import { HintQueues } from "@restart-coordinator/service";
import { Destination } from "../../../apps/api/src/files/placement.ts";
import { Staging } from "../../../apps/api/src/files/staging.ts";
import { RedisLedger } from "../../../apps/worker/src/provisioners/simulated-ledger.ts";
import { Transitions } from "../../../packages/debounce/src/transitions/transitions.ts";
import { UnsettledWrites } from "../../../packages/debounce/src/workspace/unsettled-writes.ts";

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

const { trigger } = Transitions.prototype;
Transitions.prototype.trigger = async function (call) {
  const reply = await trigger.call(this, call);
  reach("after trigger");
  return reply;
};

const { stage, revoke } = Staging.prototype;
Staging.prototype.stage = async function (...given) {
  const staged = await stage.apply(this, given);
  reach("after stage");
  return staged;
};
Staging.prototype.revoke = async function (id) {
  await revoke.call(this, id);
  reach("after removal");
};
const { place } = Destination.prototype;
Destination.prototype.place = async function (staged) {
  await place.call(this, staged);
  reach("after place");
};
const { announce, settle } = UnsettledWrites.prototype;
UnsettledWrites.prototype.announce = async function (...given) {
  const announced = await announce.apply(this, given);
  reach("after announce");
  return announced;
};
UnsettledWrites.prototype.settle = async function (...given) {
  await settle.apply(this, given);
  reach("after settle");
};

const { apply } = RedisLedger.prototype;
RedisLedger.prototype.apply = async function (effect, actor) {
  const result = await apply.call(this, effect, actor);
  if (result === "applied") reach(`after effect ${effect}`);
  return result;
};

const { enqueue } = HintQueues.prototype;
HintQueues.prototype.enqueue = function (hint) {
  reach("before hint");
  return enqueue.call(this, hint);
};
