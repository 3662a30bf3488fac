import { afterAll, beforeAll, expect, it } from "vitest";
import { connectEc2, type Ec2Connection } from "../../../src/provisioners/ec2/index.ts";
import { batched } from "../../../src/provisioners/ec2/pacing/index.ts";
import { type Report, reconcile, type WorkspaceRecord } from "../../../src/provisioners/ec2/reconcile.ts";
import { identityTags } from "../../../src/provisioners/ec2/tags.ts";
import { describeOn, motoForTests } from "../ec2/moto.ts";
import { awsForTests } from "../ec2-proxy/aws-for-tests.ts";
import { type Ec2Proxy, startEc2Proxy } from "../ec2-proxy/proxy.ts";

awsForTests();
const moto = await motoForTests();

describeOn(moto)("against moto", () => {
  let proxy: Ec2Proxy;
  let sdk: Ec2Connection;
  beforeAll(async () => {
    proxy = await startEc2Proxy({ moto: moto?.endpoint ?? "" });
    sdk = connectEc2({ endpoint: proxy.url });
    // Its first call loads everything EC2 needs.
    await sdk.findInstances({ tags: {} });
  }, 60_000);
  afterAll(async () => {
    sdk?.close();
    await proxy?.stop();
    await moto?.stop();
  });

  async function launch(owner: string, workspaceId: string, clientToken: string): Promise<string> {
    const Tags = Object.entries(identityTags({ owner, workspaceId })).map(([Key, Value]) => ({ Key, Value }));
    const TagSpecifications = [{ ResourceType: "instance" as const, Tags }];
    const place = { ImageId: "ami-12c6146b", InstanceType: "t3.micro" as const, MinCount: 1, MaxCount: 1 };
    const request = { ...place, TagSpecifications };
    return (await sdk.runInstances({ request, clientToken, userData: undefined })).id;
  }

  it("finds what leaked by the tags, and terminates that alone when told to", async () => {
    const recorded = await launch("ours", "w1", "t1");
    const leaked = await launch("ours", "w1", "t2");
    const inDoubt = await launch("ours", "w2", "t3");
    const theirs = await launch("theirs", "w1", "t4");
    const records: WorkspaceRecord[] = [
      { workspaceId: "w1", instance: { instanceId: recorded }, journals: [], busy: false },
      { workspaceId: "w2", instance: undefined, journals: [{ launch: { clientToken: "t3" } }], busy: false },
    ];
    let now = Date.now();
    const reports: Report[] = [];
    const parts = {
      api: batched(sdk, { describeCollectMs: 0, terminateCollectMs: 0 }),
      owner: "ours",
      records: async () => records,
      now: () => now,
      sightings: new Map<string, number>(),
      report: (report: Report) => void reports.push(report),
    };
    expect(await reconcile(parts, { terminate: true })).toEqual([]);
    now += 15 * 60_000 + 1_000;
    expect(await reconcile(parts)).toMatchObject([{ kind: "orphan", instance: { id: leaked } }]);
    await reconcile(parts, { terminate: true });
    expect(reports.at(-1)).toEqual({ kind: "terminated", instanceId: leaked, workspaceId: "w1" });
    const states = await sdk.describeInstances([recorded, leaked, inDoubt, theirs]);
    expect([recorded, leaked, inDoubt, theirs].map((id) => states.get(id)?.state)).toEqual([
      ...["running", "terminated", "running", "running"],
    ]);
    expect(await reconcile(parts, { terminate: true })).toEqual([]);
  });
});
