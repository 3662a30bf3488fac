/** What is declined before anything is touched. */
import { ModifyInstanceAttributeCommand } from "@aws-sdk/client-ec2";
import { expect, it } from "vitest";
import type { Journal, Workspace } from "../../../src/provisioners/provisioner.ts";
import { startBench } from "./ec2-harness.ts";
import { awsError, overriding } from "./idempotent-api.ts";

const { describeEc2, harness } = await startBench();

const planned = (workspace: Workspace) => harness.cycle(workspace, "c1", 2);

describeEc2("the pre-flight", () => {
  it("lets a good restart pass and touches nothing", async () => {
    const workspace = await harness.launched();
    expect(await harness.provisioner().preflight(planned(workspace))).toEqual({ ok: true });
    expect(await harness.live(workspace.id)).toEqual([workspace.instance.instanceId]);
  });

  it.each([
    ["a template that is gone", { launchTemplate: { name: "no-such-template" } }, /no no-such-template/],
    ["a subnet that is gone", { subnetIds: ["subnet-0123456789abcdef0"] }, /there is no subnet-0123456789abcdef0/],
    ["an image that is gone", { imageId: "ami-0123456789abcdef0" }, /ami-0123456789abcdef0 is not there/],
    ["a volume that is gone", { volumes: [{ id: "vol-0123456789abcdef0", device: "/dev/sdf" }] }, /there is no vol-/],
    ["an impossible spec", { strategy: "reboot" }, /reboot needs/],
  ])("declines %s", async (_, spec, reason) => {
    const workspace = { ...(await harness.launched()), spec };
    const answer = await harness.provisioner().preflight(planned(workspace));
    expect(answer).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
  });

  it("declines a protected instance, and one that may not be terminated", async () => {
    const workspace = await harness.launched();
    const { instanceId } = workspace.instance;
    const protect = (Value: boolean) =>
      harness.ec2.send(
        new ModifyInstanceAttributeCommand({ InstanceId: instanceId, DisableApiTermination: { Value } }),
      );
    await protect(true);
    expect(await harness.provisioner().preflight(planned(workspace))).toMatchObject({
      ok: false,
      reason: expect.stringContaining("termination protection"),
    });
    await protect(false);
    const api = overriding(harness.api, {
      dryRun: async ({ call }) => {
        if (call === "TerminateInstances") throw awsError("UnauthorizedOperation", 403);
      },
    });
    expect(await harness.provisioner({}, { api }).preflight(planned(workspace))).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/DryRun of TerminateInstances \(i-\w+\) failed: UnauthorizedOperation.*permission/),
    });
  });

  it("does not decline when EC2 gives no answer", async () => {
    const workspace = await harness.launched();
    const api = overriding(harness.api, { dryRun: () => Promise.reject(awsError("RequestLimitExceeded", 503)) });
    await expect(harness.provisioner({}, { api }).preflight(planned(workspace))).rejects.toMatchObject({
      retryable: true,
    });
  });

  it("tells what a failed cycle left from the workspace's own instance", async () => {
    const workspace = await harness.launched();
    const cut = harness.cycle(workspace, "c1", 2);
    await harness.provisioner().restart(cut);
    const twin = await harness.launchedBeside(workspace);
    const journal = cut.journals.find(({ step }) => step === "LAUNCHED");
    const forgotten = { ...workspace, instance: undefined };
    const several = await harness.provisioner().preflight(planned(forgotten));
    expect(several).toMatchObject({ ok: false, reason: expect.stringContaining("several carry its tags") });
    const leftover = { ...journal, old: undefined, fresh: twin } as Journal;
    const next = harness.cycle(forgotten, "c2", 3, { leftover });
    expect(await harness.provisioner().preflight(next)).toEqual({ ok: true });
  });

  it("ends at once when the lease is lost", async () => {
    const lost = AbortSignal.abort(new Error("the lease is lost"));
    const cycle = harness.cycle(await harness.launched(), "c1", 2, { signal: lost });
    await expect(harness.provisioner().preflight(cycle)).rejects.toThrow("the lease is lost");
  });

  it("is asked again by a cycle that is taken over before it touched anything", async () => {
    const workspace = { ...(await harness.launched()), spec: { imageId: "ami-0123456789abcdef0" } };
    const journal = { provisioner: "ec2", step: "PLANNED", cycleId: "c1", course: "replace" };
    const left = { ...journal, launches: 0, rootReplacements: 0, discard: [], inDoubt: [] };
    const restart = harness.provisioner().restart(harness.cycle(workspace, "c1", 2, { journal: left }));
    await expect(restart).rejects.toThrow(/the pre-flight says no/);
    expect(await harness.live(workspace.id)).toEqual([workspace.instance.instanceId]);
  });
});
