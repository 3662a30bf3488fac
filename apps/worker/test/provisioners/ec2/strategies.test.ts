/** What each strategy does, step by step. */
import { StopInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { expect, it } from "vitest";
import type { LaunchCall } from "../../../src/provisioners/ec2/api.ts";
import { TAG } from "../../../src/provisioners/ec2/tags.ts";
import { startBench } from "./ec2-harness.ts";
import { overriding } from "./idempotent-api.ts";
import { OWNER } from "./test-settings.ts";

const { describeEc2, harness, echo } = await startBench();

const stepsOf = (cycle: { journals: ReadonlyArray<{ step: string }> }) => cycle.journals.map(({ step }) => step);

describeEc2("replace", () => {
  it("launches, tagged and with IMDSv2, before it terminates", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 7);
    const { instance } = await harness.provisioner({ tags: { team: "a" } }).restart(cycle);
    expect(stepsOf(cycle)).toEqual("PLANNED LAUNCHING LAUNCHED READY CUTOVER TERMINATING OLD_GONE DONE".split(" "));
    expect(instance.instanceId).not.toBe(workspace.instance.instanceId);
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
    const [fresh] = (await harness.instances(workspace.id)).filter(
      ({ InstanceId }) => InstanceId === instance.instanceId,
    );
    expect(fresh?.MetadataOptions?.HttpTokens).toBe("required");
    expect(Object.fromEntries((fresh?.Tags ?? []).map(({ Key, Value }) => [Key, Value]))).toMatchObject({
      [TAG.owner]: OWNER,
      [TAG.workspace]: workspace.id,
      [TAG.cycle]: "c1",
      [TAG.fencingToken]: "7",
      team: "a",
    });
  });

  it("freezes the template's version and image as numbers and ids", async () => {
    const workspace = harness.workspace();
    const cycle = harness.cycle(workspace, "c1", 1);
    await harness.provisioner({ launchTemplate: { name: "workspaces", version: "$Latest" } }).restart(cycle);
    const launching = cycle.journals.find(({ step }) => step === "LAUNCHING") as { launch?: { request?: unknown } };
    expect(launching.launch?.request).toMatchObject({
      LaunchTemplate: { LaunchTemplateId: harness.templateId, Version: "1" },
      ImageId: harness.imageId,
    });
  });

  it("terminates the new one when it does not become ready, and the old one lives", async () => {
    const workspace = await harness.launched();
    const url = "http://127.0.0.1:9/{instanceId}?cycle={cycleId}";
    const never = { readiness: { kind: "url", url }, deadlines: { readyMs: 20 } } as const;
    const failed = harness.provisioner(never).restart(harness.cycle(workspace, "c1", 2));
    await expect(failed).rejects.toThrow(/not within 20 ms: GET http:\/\/127\.0\.0\.1:9.*It was terminated/);
    expect(await harness.live(workspace.id)).toEqual([workspace.instance.instanceId]);
  });

  it("stopped by an operator before the cutover takes its launch back", async () => {
    const workspace = await harness.launched();
    let asked = 0;
    const safePoint = () => {
      if (++asked === 2) throw new Error("asked to stop");
    };
    await expect(harness.provisioner().restart(harness.cycle(workspace, "c1", 2, { safePoint }))).rejects.toThrow(
      "asked",
    );
    expect(await harness.live(workspace.id)).toEqual([workspace.instance.instanceId]);
  });

  it("launches another one, under a token not yet used, when its new one was taken away before it ended", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 2);
    const { instance } = await harness.provisioner().restart(cycle);
    await harness.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.instanceId as string] }));
    const again = harness.cycle(workspace, "c1", 3, { attempt: 2, journal: cycle.journals.at(-1) });
    const { instance: other } = await harness.provisioner().restart(again);
    expect(other.instanceId).not.toBe(instance.instanceId);
    expect(await harness.live(workspace.id)).toEqual([other.instanceId]);
  });

  it("keeps user data out of the journal and the steps", async () => {
    const secret = "s3cr3t-do-not-store";
    const workspace = harness.workspace();
    const cycle = harness.cycle(workspace, "c1", 1);
    let sent: string | undefined;
    const api = overriding(harness.api, {
      runInstances: (launch: LaunchCall) => {
        sent = launch.userData;
        return harness.api.runInstances(launch);
      },
    });
    await harness
      .provisioner({ userData: `#!/bin/sh\nTOKEN=${secret} CYCLE={cycleId} \${workspaceId}` }, { api })
      .restart(cycle);
    const told = JSON.stringify([cycle.journals, cycle.steps]);
    expect(told).not.toContain(secret);
    expect(told).not.toContain(sent);
    const script = Buffer.from(sent ?? "", "base64").toString();
    expect(script).toBe(`#!/bin/sh\nTOKEN=${secret} CYCLE=c1 \${workspaceId}`);
  });

  it("asks the URL until it echoes the cycle id", async () => {
    const workspace = harness.workspace();
    const spec = { readiness: { kind: "url", url: echo.url } } as const;
    const { instance } = await harness.provisioner(spec).restart(harness.cycle(workspace, "c-echo", 1));
    expect(echo.seen).toContain(`/${instance.instanceId}?cycle=c-echo`);
    expect(await harness.provisioner(spec).status({ ...workspace, instance })).toMatchObject({ seen: "online" });
  });
});

describeEc2("recreate", () => {
  it("takes the data volumes along", async () => {
    const volumes = [{ id: await harness.volume(), device: "/dev/sdf" }];
    const workspace = await harness.launched({ volumes });
    const cycle = harness.cycle(workspace, "c1", 2);
    const { instance } = await harness.provisioner({ volumes }).restart(cycle);
    expect(stepsOf(cycle)).toEqual(
      "PLANNED STOPPING DETACHING TERMINATING OLD_GONE LAUNCHING LAUNCHED ATTACHING READY CUTOVER DONE".split(" "),
    );
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
    const volume = (await harness.api.describeVolumes([volumes[0]?.id ?? ""])).get(volumes[0]?.id ?? "");
    expect(volume?.attachments).toEqual([{ instanceId: instance.instanceId, state: "attached" }]);
  });

  it("launches in the volumes' zone", async () => {
    const [first, second] = harness.subnets.slice(0, 2) as [{ id: string; zone: string }, { id: string; zone: string }];
    const volumes = [{ id: await harness.volume(second.zone), device: "/dev/sdf" }];
    const { instance } = await harness.launched({ volumes, subnetIds: [first.id, second.id] });
    expect(instance).toMatchObject({ subnetId: second.id, zone: second.zone });
  });
});

describeEc2("the strategies that keep the instance", () => {
  it("stop-start", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 2);
    const { instance } = await harness.provisioner({ strategy: "stop-start" }).restart(cycle);
    expect(instance.instanceId).toBe(workspace.instance.instanceId);
    expect(stepsOf(cycle)).toEqual("PLANNED TAGGING STOPPING STARTING READY DONE".split(" "));
    const [kept] = await harness.instances(workspace.id);
    expect(kept?.Tags).toContainEqual({ Key: TAG.cycle, Value: "c1" });
  });

  it("reboot", async () => {
    const workspace = await harness.launched();
    const rebooted: string[] = [];
    const api = overriding(harness.api, { rebootInstance: async (id) => void rebooted.push(id) });
    const spec = { strategy: "reboot", readiness: { kind: "url", url: echo.url } } as const;
    const { instance } = await harness.provisioner(spec, { api }).restart(harness.cycle(workspace, "c1", 2));
    expect(rebooted).toEqual([instance.instanceId]);
    expect(instance.instanceId).toBe(workspace.instance.instanceId);
  });

  it("replace-root", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 2);
    const { instance } = await harness.provisioner({ strategy: "replace-root" }).restart(cycle);
    expect(stepsOf(cycle)).toEqual("PLANNED TAGGING REPLACING_ROOT ROOT_TASK READY DONE".split(" "));
    const tasks = [...harness.api.rootTasks.values()].filter(({ instanceId }) => instanceId === instance.instanceId);
    expect(tasks).toHaveLength(1);
  });

  it.each(["stop-start", "replace-root", "reboot"] as const)(
    "%s launches for a workspace without an instance",
    async (strategy) => {
      const workspace = harness.workspace();
      const spec = { strategy, readiness: { kind: "url", url: echo.url } } as const;
      const { instance } = await harness.provisioner(spec).restart(harness.cycle(workspace, "c1", 1));
      expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
    },
  );
});

describeEc2("a late stop by a paused worker", () => {
  it("is undone by the start that waits for it", async () => {
    const workspace = await harness.launched();
    let started = 0;
    const api = overriding(harness.api, {
      startInstance: async (id) => {
        await harness.api.startInstance(id);
        if (++started === 1) await harness.ec2.send(new StopInstancesCommand({ InstanceIds: [id] }));
      },
    });
    await harness.provisioner({ strategy: "stop-start" }, { api }).restart(harness.cycle(workspace, "c1", 2));
    expect((await harness.instances(workspace.id))[0]?.State?.Name).toBe("running");
    expect(started).toBe(2);
  });
});
