/** Whose instance it is, and how it is taken away. */
import { TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { expect, it } from "vitest";
import { startBench } from "./ec2-harness.ts";

const { describeEc2, harness, echo } = await startBench();

describeEc2("whose instance it is", () => {
  it("finds it by the tags when none is recorded", async () => {
    const workspace = await harness.launched();
    const forgotten = { ...workspace, instance: undefined };
    const { instance } = await harness.provisioner().restart(harness.cycle(forgotten, "c1", 2));
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
  });

  it("refuses to choose among several", async () => {
    const workspace = await harness.launched();
    const twin = await harness.launchedBeside(workspace);
    const forgotten = { ...workspace, instance: undefined };
    const refused = harness.provisioner().restart(harness.cycle(forgotten, "c1", 2));
    await expect(refused).rejects.toMatchObject({ retryable: false, message: expect.stringContaining(twin) });
    expect(await harness.live(workspace.id)).toHaveLength(2);
  });

  it("does not touch a recorded one without our tags", async () => {
    const other = await harness.launched();
    const workspace = { ...harness.workspace(), instance: other.instance };
    await expect(harness.provisioner().stop(harness.cycle(workspace, "c1", 1))).rejects.toThrow(/its tags do not say/);
    await expect(harness.provisioner().restart(harness.cycle(workspace, "c2", 2))).rejects.toThrow(
      /so it is not touched/,
    );
    expect(await harness.live(other.id)).toEqual([other.instance.instanceId]);
  });

  it("launches another one when it was terminated by somebody", async () => {
    const workspace = await harness.launched({ strategy: "stop-start" });
    await harness.ec2.send(new TerminateInstancesCommand({ InstanceIds: [workspace.instance.instanceId] }));
    expect(await harness.provisioner().status(workspace)).toMatchObject({ seen: "offline" });
    const { instance } = await harness
      .provisioner({ strategy: "stop-start" })
      .restart(harness.cycle(workspace, "c1", 2));
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
  });
});

describeEc2("stop", () => {
  it("terminates, and finds nothing to do the second time", async () => {
    const workspace = await harness.launched();
    await harness.provisioner().stop(harness.cycle(workspace, "s1", 2));
    expect(await harness.live(workspace.id)).toEqual([]);
    await harness.provisioner().stop(harness.cycle(workspace, "s2", 3));
  });

  it("only stops where the strategy keeps the instance, and the next restart starts it", async () => {
    const workspace = await harness.launched();
    const spec = { strategy: "reboot", readiness: { kind: "url", url: echo.url } } as const;
    const provisioner = harness.provisioner(spec);
    await provisioner.stop(harness.cycle(workspace, "s1", 2));
    expect((await harness.instances(workspace.id))[0]?.State?.Name).toBe("stopped");
    // A stop takes the instance out of the registry.
    const { instance } = await provisioner.restart(harness.cycle({ ...workspace, instance: undefined }, "c1", 3));
    expect(instance.instanceId).toBe(workspace.instance.instanceId);
    expect((await harness.instances(workspace.id))[0]?.State?.Name).toBe("running");
    const removal = Object.assign(harness.cycle(workspace, "s2", 4), { action: "remove" });
    await provisioner.stop(removal);
    expect(await harness.live(workspace.id)).toEqual([]);
  });

  it("works with a spec that does not hold", async () => {
    const workspace = { ...(await harness.launched()), spec: { imageId: 5 } };
    await harness.provisioner().stop(harness.cycle(workspace, "s1", 2));
    expect(await harness.live(workspace.id)).toEqual([]);
  });

  it("takes away what a failed cycle launched", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 2);
    await harness.provisioner().restart(cycle);
    const journal = cycle.journals.find(({ step }) => step === "CUTOVER");
    await harness.provisioner().stop(harness.cycle(workspace, "s1", 3, { leftover: journal }));
    expect(await harness.live(workspace.id)).toEqual([]);
  });
});
