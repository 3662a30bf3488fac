import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../process-harness.ts";
import { Harness } from "./harness.ts";

let harness: Harness;
beforeEach(async () => {
  harness = await Harness.create();
});
afterEach(() => harness.close());

/** Notes its name and token, and in the first attempt goes on until it is told to end, or there is nowhere to note it. */
const slow = (name: string) =>
  harness.script(
    name,
    `echo "${name} $RESTART_FENCING_TOKEN" >>"$NOTES"
if [ "$RESTART_FENCING_TOKEN" = 1 ]; then while [ ! -e "$DIR/end" ]; do [ -e "$NOTES" ] || exit; echo working; sleep 0.02; done; fi
echo "${name} $RESTART_FENCING_TOKEN done" >>"$NOTES"`,
  );
const quick = (name: string) => harness.script(name, `echo "${name} $RESTART_FENCING_TOKEN" >>"$NOTES"`);

/** Kills a worker in the middle of a command; answers the journal it leaves. */
async function killedIn(name: "stop" | "start") {
  const spec = {
    stop: await (name === "stop" ? slow : quick)("stop"),
    start: await (name === "start" ? slow : quick)("start"),
  };
  const doomed = harness.worker({ spec, cycleId: "c1", fencingToken: 1 });
  await eventually(async () => (await harness.notes()).includes(`${name} 1`));
  doomed.child.kill("SIGKILL");
  await doomed.ended;
  return { spec, journal: doomed.journals.at(-1) };
}

test("a worker killed in the stop is followed by one that stops again, then starts", async () => {
  const { spec, journal } = await killedIn("stop");
  await harness.provisioner().restart(harness.cycle(spec, { journal, attempt: 2, fencingToken: 2 }));
  expect(await harness.notes()).toEqual(["stop 1", "stop 2", "stop 2 done", "start 2"]);
});

test("a worker killed in the start is followed by one that starts, and does not stop again", async () => {
  const { spec, journal } = await killedIn("start");
  const cycle = harness.cycle(spec, { journal, attempt: 2, fencingToken: 2 });
  await harness.provisioner().restart(cycle);
  expect(await harness.notes()).toEqual(["stop 1", "start 1", "start 2", "start 2 done"]);
  expect(cycle.journals.map(({ step }) => step)).toEqual(["STARTING", "STARTED"]);
});

test("a command outlives its worker, and what it prints then does not end it", async () => {
  await killedIn("start");
  await harness.script("end", "");
  await eventually(async () => (await harness.notes()).includes("start 1 done"));
});

test("what was gone on with once and did not come to an end is begun from the stop", async () => {
  const spec = { stop: await quick("stop"), start: await quick("start") };
  const journal = { step: "STARTING", resumed: true };
  await harness.provisioner().restart(harness.cycle(spec, { journal, attempt: 3, fencingToken: 3 }));
  expect(await harness.notes()).toEqual(["stop 3", "start 3"]);
});

test("a worker killed after the start reports the instance that the start had named", async () => {
  const spec = { stop: await quick("stop"), start: await quick("start") };
  const journal = { step: "STARTED", instance: { container: "abc" } };
  const { instance } = await harness.provisioner().restart(harness.cycle(spec, { journal, attempt: 2 }));
  expect(instance).toEqual({ container: "abc" });
  expect(await harness.notes()).toEqual([]);
});
