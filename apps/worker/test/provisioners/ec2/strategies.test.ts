import { ModifyInstanceAttributeCommand, StopInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LaunchCall } from "../../../src/provisioners/ec2/api.ts";
import { TAG } from "../../../src/provisioners/ec2/tags.ts";
import { Ec2Harness, OWNER, startEcho } from "./ec2-harness.ts";
import { awsError, overriding } from "./idempotent-api.ts";
import { startMoto } from "./moto.ts";

const moto = await startMoto();
let harness: Ec2Harness;
let echo: Awaited<ReturnType<typeof startEcho>>;

beforeAll(async () => {
  if (moto === undefined) return;
  [harness, echo] = await Promise.all([Ec2Harness.create(moto.endpoint), startEcho()]);
}, 60_000);
afterAll(async () => {
  harness?.close();
  echo?.close();
  await moto?.stop();
});

const stepsOf = (cycle: { journals: ReadonlyArray<{ step: string }> }) => cycle.journals.map(({ step }) => step);

describe.skipIf(moto === undefined)("replace", () => {
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
    expect(await harness.provisioner(spec).status({ ...workspace, instance })).toBe("online");
  });
});

describe.skipIf(moto === undefined)("recreate", () => {
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

describe.skipIf(moto === undefined)("the strategies that keep the instance", () => {
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

describe.skipIf(moto === undefined)("launching", () => {
  it("goes to the next subnet, under a new token, when one has no capacity", async () => {
    const [first, second] = harness.twoSubnets();
    const tokens: string[] = [];
    const api = overriding(harness.api, {
      runInstances: async (launch: LaunchCall) => {
        tokens.push(launch.clientToken);
        if (launch.request.SubnetId === first.id) throw awsError("InsufficientInstanceCapacity", 500);
        return harness.api.runInstances(launch);
      },
    });
    const workspace = harness.workspace();
    const provisioner = harness.provisioner({ subnetIds: [first.id, second.id] }, { api });
    const { instance } = await provisioner.restart(harness.cycle(workspace, "c1", 1));
    expect(instance.subnetId).toBe(second.id);
    expect(new Set(tokens).size).toBe(2);
    expect(tokens.every((token) => token.length <= 64)).toBe(true);
  });

  it("repeats a launch whose answer was lost with the same token, and makes one instance", async () => {
    let calls = 0;
    const api = overriding(harness.api, {
      runInstances: async (launch: LaunchCall) => {
        const instance = await harness.api.runInstances(launch);
        if (++calls < 3) throw Object.assign(new Error("socket hang up"), { name: "TimeoutError" });
        return instance;
      },
    });
    const workspace = harness.workspace();
    const { instance } = await harness.provisioner({}, { api }).restart(harness.cycle(workspace, "c1", 1));
    expect(calls).toBe(3);
    expect((await harness.instances(workspace.id)).map(({ InstanceId }) => InstanceId)).toEqual([instance.instanceId]);
  });

  it("names the workspace, the call, the code and what to do; waits long at a limit", async () => {
    const limited = async () =>
      Promise.reject(awsError("VcpuLimitExceeded", 400, "You have requested more vCPU capacity"));
    const api = overriding(harness.api, { runInstances: limited });
    const workspace = await harness.launched();
    const error = await harness
      .provisioner({}, { api })
      .restart(harness.cycle(workspace, "c1", 2))
      .catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "ProvisionerError", retryable: true, alert: true, retryAfterMs: 900_000 });
    expect(error.message).toMatch(
      /^workspace w\d+: RunInstances \(the template's type in subnet-\w+\) failed: VcpuLimitExceeded: .*What to do: raise/,
    );
    expect(await harness.live(workspace.id)).toEqual([workspace.instance.instanceId]);
  });

  it("does not repeat a launch of an earlier attempt once the user data is another", async () => {
    const workspace = await harness.launched();
    const cycle = harness.cycle(workspace, "c1", 2);
    const api = overriding(harness.api, {
      runInstances: async (launch: LaunchCall) => {
        await harness.api.runInstances(launch);
        throw awsError("UnauthorizedOperation", 403, "a permanent answer stands for the worker's death");
      },
    });
    const dying = overriding(api, {});
    await harness
      .provisioner({ userData: "one" }, { api: dying })
      .restart(cycle)
      .catch(() => {});
    const journal = cycle.journals.find(({ step }) => step === "LAUNCHING");
    const again = harness.cycle(workspace, "c1", 3, { attempt: 2, journal });
    const { instance } = await harness.provisioner({ userData: "two" }).restart(again);
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
    expect(again.steps.map(({ name }) => name)).toContain("user-data-changed");
    expect(await harness.instances(workspace.id)).toHaveLength(3);
  });
});

describe.skipIf(moto === undefined)("whose instance it is", () => {
  it("finds it by the tags when none is recorded", async () => {
    const workspace = await harness.launched();
    const forgotten = { ...workspace, instance: undefined };
    const { instance } = await harness.provisioner().restart(harness.cycle(forgotten, "c1", 2));
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
  });

  it("refuses to choose among several", async () => {
    const workspace = await harness.launched();
    const { request } = lastLaunch(await launchJournal(workspace.id));
    const twin = await harness.api.runInstances({ request, clientToken: "twin", userData: undefined });
    const forgotten = { ...workspace, instance: undefined };
    const refused = harness.provisioner().restart(harness.cycle(forgotten, "c1", 2));
    await expect(refused).rejects.toMatchObject({ retryable: false, message: expect.stringContaining(twin.id) });
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
    expect(await harness.provisioner().status(workspace)).toBe("offline");
    const { instance } = await harness
      .provisioner({ strategy: "stop-start" })
      .restart(harness.cycle(workspace, "c1", 2));
    expect(await harness.live(workspace.id)).toEqual([instance.instanceId]);
  });

  async function launchJournal(workspaceId: string) {
    const cycle = harness.cycle({ id: workspaceId, spec: {}, instance: undefined }, "other", 9);
    const stop = new Error("planned");
    const record = async (journal: { step: string }) => {
      cycle.journals.push(journal);
      if (journal.step === "LAUNCHING") throw stop;
    };
    await harness
      .provisioner()
      .restart({ ...cycle, record })
      .catch(() => {});
    return cycle.journals;
  }

  const lastLaunch = (journals: ReadonlyArray<Record<string, unknown>>) =>
    journals.at(-1)?.launch as { request: LaunchCall["request"] };
});

describe.skipIf(moto === undefined)("stop", () => {
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

describe.skipIf(moto === undefined)("the pre-flight", () => {
  it("lets a good restart pass and touches nothing", async () => {
    const workspace = await harness.launched();
    expect(await harness.provisioner().preflight(workspace)).toEqual({ ok: true });
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
    const answer = await harness.provisioner().preflight(workspace);
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
    expect(await harness.provisioner().preflight(workspace)).toMatchObject({
      ok: false,
      reason: expect.stringContaining("termination protection"),
    });
    await protect(false);
    const api = overriding(harness.api, {
      dryRun: async ({ call }) => {
        if (call === "TerminateInstances") throw awsError("UnauthorizedOperation", 403);
      },
    });
    expect(await harness.provisioner({}, { api }).preflight(workspace)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/DryRun of TerminateInstances \(i-\w+\) failed: UnauthorizedOperation.*permission/),
    });
  });

  it("does not decline when EC2 gives no answer", async () => {
    const workspace = await harness.launched();
    const api = overriding(harness.api, { dryRun: () => Promise.reject(awsError("RequestLimitExceeded", 503)) });
    await expect(harness.provisioner({}, { api }).preflight(workspace)).rejects.toMatchObject({ retryable: true });
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

describe.skipIf(moto === undefined)("a late stop by a paused worker", () => {
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
