import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateVolumeCommand, EC2Client } from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LaunchCall } from "../../../src/provisioners/ec2/api.ts";
import { connectEc2, type Ec2Connection } from "../../../src/provisioners/ec2/sdk-api.ts";
import { describeOn, motoForTests } from "../ec2/moto.ts";
import { awsForTests } from "./aws-for-tests.ts";
import { type Ec2Proxy, startEc2Proxy } from "./proxy.ts";

awsForTests();
const moto = await motoForTests();

const IMAGE = "ami-12c6146b";
const launch = (clientToken: string, type = "t3.micro"): LaunchCall => ({
  request: { ImageId: IMAGE, InstanceType: type as "t3.micro", MinCount: 1, MaxCount: 1 },
  clientToken,
  userData: undefined,
});
const named = (name: string) => expect.objectContaining({ name });

describeOn(moto)("EC2 as the proxy shows it, on top of moto", () => {
  let proxy: Ec2Proxy;
  let api: Ec2Connection;
  beforeAll(async () => {
    proxy = await startEc2Proxy({ moto: moto?.endpoint ?? "" });
    api = connectEc2({ endpoint: proxy.url });
    // Its first call loads everything EC2 needs.
    await api.findInstances({ tags: {} });
  }, 60_000);
  beforeEach(() => proxy.reset());
  afterAll(async () => {
    api?.close();
    await proxy?.stop();
    await moto?.stop();
  });

  it("answers a launch that is repeated with the instance of the first, also when both come at once", async () => {
    const [first, second] = await Promise.all([api.runInstances(launch("t1")), api.runInstances(launch("t1"))]);
    expect(second.id).toBe(first.id);
    expect((await api.runInstances(launch("t1"))).id).toBe(first.id);
    expect((await api.runInstances(launch("t2"))).id).not.toBe(first.id);
    await expect(api.runInstances(launch("t1", "t3.small"))).rejects.toThrow(named("IdempotentParameterMismatch"));
    await api.terminateInstances([first.id]);
    await expect(api.runInstances(launch("t1"))).rejects.toThrow(named("IdempotentInstanceTerminated"));
  });

  it("finds the launch whose answer got lost by its token", async () => {
    proxy.faults.next("RunInstances", { kind: "lost-response" });
    await expect(api.runInstances(launch("lost"))).rejects.toThrow();
    const found = await api.runInstances(launch("lost"));
    const all = await api.findInstances({ tags: {} });
    expect(all.filter(({ clientToken }) => clientToken === "lost").map(({ id }) => id)).toEqual([found.id]);
    expect(proxy.calls.map(({ outcome }) => outcome).slice(0, 2)).toEqual(["lost-response", "ok"]);
  });

  it("does nothing for a request that got lost, nor for a refused one", async () => {
    proxy.faults.next("RunInstances", { kind: "lost-request" });
    await expect(api.runInstances(launch("never"))).rejects.toThrow();
    proxy.faults.refuse("RunInstances", "VcpuLimitExceeded");
    await expect(api.runInstances(launch("never"))).rejects.toThrow(named("VcpuLimitExceeded"));
    proxy.faults.noCapacity({ type: "t3.micro" });
    const noCapacity = { name: "InsufficientInstanceCapacity", $metadata: { httpStatusCode: 500 } };
    await expect(api.runInstances(launch("never"))).rejects.toMatchObject(noCapacity);
    await expect(api.runInstances(launch("never"))).rejects.toMatchObject(noCapacity);
    const all = await api.findInstances({ tags: {} });
    expect(all.filter(({ clientToken }) => clientToken === "never")).toEqual([]);
    expect((await api.runInstances(launch("other type", "t3.small"))).type).toBe("t3.small");
  });

  it("hides a new instance from so many looks, and refuses to touch it meanwhile", async () => {
    proxy.faults.set({ hiddenDescribes: 2 });
    const { id } = await api.runInstances(launch("hidden"));
    await expect(api.terminateInstances([id])).rejects.toThrow(named("InvalidInstanceID.NotFound"));
    const looks = [];
    for (let look = 0; look < 3; look++) looks.push((await api.describeInstances([id])).has(id));
    expect(looks).toEqual([false, false, true]);
    await api.terminateInstances([id]);
  });

  it("shows the states on the way, also to who filters by them, and refuses what is not possible from them", async () => {
    const stateOf = async (id: string) => (await api.describeInstances([id])).get(id)?.state;
    const wrong = named("IncorrectInstanceState");
    proxy.faults.set({ pendingMs: 3_600_000 });
    const { id: pending } = await api.runInstances(launch("pending"));
    expect(await stateOf(pending)).toBe("pending");
    await expect(api.stopInstance(pending)).rejects.toThrow(wrong);
    await expect(api.rebootInstance(pending)).rejects.toThrow(wrong);
    const running = await api.findInstances({ tags: {}, states: ["running"] });
    expect(running.map(({ id }) => id)).not.toContain(pending);
    expect((await api.describeStatusChecks([pending])).get(pending)).not.toBe("ok");

    proxy.faults.set({ pendingMs: 0, stoppingMs: 3_600_000, shuttingDownMs: 3_600_000 });
    const { id } = await api.runInstances(launch("running"));
    expect(await stateOf(id)).toBe("running");
    await api.stopInstance(id);
    expect(await stateOf(id)).toBe("stopping");
    await expect(api.startInstance(id)).rejects.toThrow(wrong);
    await api.terminateInstances([id, pending]);
    await api.terminateInstances([id]);
    const leaving = await api.findInstances({ tags: {}, states: ["shutting-down"] });
    expect(leaving.map((instance) => instance.id).sort()).toEqual([id, pending].sort());
  });

  it("lets nothing rise from the dead", async () => {
    const { id } = await api.runInstances(launch("dead"));
    await api.terminateInstances([id]);
    expect((await api.describeInstances([id])).get(id)?.state).toBe("terminated");
    await expect(api.startInstance(id)).rejects.toThrow(named("IncorrectInstanceState"));
    await expect(api.stopInstance(id)).rejects.toThrow(named("IncorrectInstanceState"));
    await api.terminateInstances([id]);
  });

  it("knows instances that were not launched through it", async () => {
    const direct = connectEc2({ endpoint: moto?.endpoint });
    const { id } = await direct.runInstances(launch("direct"));
    await direct.terminateInstances([id]);
    direct.close();
    await expect(api.startInstance(id)).rejects.toThrow(named("IncorrectInstanceState"));
  });

  it("replaces a root volume once for a token, and says how far it is", async () => {
    const { id } = await api.runInstances(launch("root"));
    const call = { instanceId: id, clientToken: "r1", imageId: undefined };
    proxy.faults.set({ replaceRootMs: 3_600_000 });
    const task = await api.createReplaceRootVolumeTask(call);
    expect(await api.createReplaceRootVolumeTask(call)).toBe(task);
    expect(await api.describeReplaceRootTask(task)).toBe("in-progress");
    const other = { ...call, imageId: IMAGE };
    await expect(api.createReplaceRootVolumeTask(other)).rejects.toThrow(named("IdempotentParameterMismatch"));
    proxy.reset();
    proxy.faults.set({ replaceRootEnds: "failed" });
    expect(await api.describeReplaceRootTask(await api.createReplaceRootVolumeTask(call))).toBe("failed");
    await api.dryRun({ call: "CreateReplaceRootVolumeTask", replaceRoot: call });
  });

  it("attaches a volume to one instance at a time, which holds it until it is terminated", async () => {
    const [one, other] = [await api.runInstances(launch("one")), await api.runInstances(launch("other"))];
    const volume = await createVolume(one.zone);
    await api.attachVolume(volume, one.id, "/dev/sdf");
    await expect(api.attachVolume(volume, other.id, "/dev/sdf")).rejects.toThrow(named("VolumeInUse"));
    proxy.faults.set({ shuttingDownMs: 3_600_000 });
    await api.terminateInstances([one.id]);
    expect((await api.describeVolumes([volume])).get(volume)).toMatchObject({
      state: "in-use",
      attachments: [{ instanceId: one.id }],
    });
    await expect(api.attachVolume(volume, other.id, "/dev/sdf")).rejects.toThrow(named("VolumeInUse"));
    proxy.reset();
    expect((await api.describeVolumes([volume])).get(volume)).toMatchObject({ state: "available", attachments: [] });
    await api.attachVolume(volume, other.id, "/dev/sdf");
  });

  async function createVolume(zone: string | undefined): Promise<string> {
    const ec2 = new EC2Client({ endpoint: proxy.url });
    const { VolumeId } = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 1 }));
    ec2.destroy();
    return VolumeId as string;
  }

  it("holds a call at the door until it is released", async () => {
    const held = proxy.faults.hold("RunInstances");
    const launching = api.runInstances(launch("held"));
    expect((await held.arrived).clientToken).toBe("held");
    const all = await api.findInstances({ tags: {} });
    expect(all.filter(({ clientToken }) => clientToken === "held")).toEqual([]);
    held.release();
    expect((await launching).clientToken).toBe("held");
  });
});

describe("the account's limits", () => {
  let proxy: Ec2Proxy;
  const upstream = createServer((_, response) => response.end("<RebootInstancesResponse/>"));
  beforeEach(async () => {
    upstream.listen(0, "127.0.0.1");
    await once(upstream, "listening");
  });
  afterEach(async () => {
    await proxy.stop();
    upstream.closeAllConnections();
    upstream.close();
  });

  it("throttle the sixth launch, as an HTTP 503, and leave other calls alone", async () => {
    const anything = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    proxy = await startEc2Proxy({ moto: anything, speed: 1e-6 });
    const call = (body: string) => fetch(proxy.url, { method: "POST", body });
    const dryRun = "Action=RunInstances&DryRun=true";
    const answers = await Promise.all(Array.from({ length: 6 }, () => call(dryRun)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 503]);
    expect((await call("Action=CreateTags")).status).toBe(200);
    expect(proxy.calls.filter(({ throttled }) => throttled).map(({ action }) => action)).toEqual(["RunInstances"]);
    proxy.reset();
    expect((await call(dryRun)).status).toBe(200);
  });
});
