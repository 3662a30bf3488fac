/** How a launch gets its instance, or says why not. */
import { expect, it } from "vitest";
import type { LaunchCall } from "../../../src/provisioners/ec2/api.ts";
import { startBench } from "./ec2-harness.ts";
import { awsError, overriding } from "./idempotent-api.ts";

const { describeEc2, harness } = await startBench();

describeEc2("launching", () => {
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
