/** What moto says of the instances, asked in EC2's own protocol and past the provisioner. */
const OWNER = "restart-coordinator:owner";
const WORKSPACE = "restart-coordinator:workspace";
const CYCLE = "restart-coordinator:cycle";

export interface MotoInstance {
  readonly id: string;
  readonly workspace: string;
  readonly cycleId: string;
  /** It runs, or could again. */
  readonly isLive: boolean;
}

/** Moto takes the service and the region from it and checks nothing else. */
const AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=demo/20200101/us-east-1/ec2/aws4_request";

/** Every instance with this owner's tag, in the order of their launches. */
export async function motoInstances(endpoint: string, owner: string): Promise<MotoInstance[]> {
  const body = new URLSearchParams({
    Action: "DescribeInstances",
    Version: "2016-11-15",
    "Filter.1.Name": `tag:${OWNER}`,
    "Filter.1.Value.1": owner,
  });
  const answer = await fetch(endpoint, { method: "POST", headers: { authorization: AUTHORIZATION }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`moto answered ${answer.status}: ${text.slice(0, 200)}`);
  // One instance in each reservation: nobody launches two at once.
  return text
    .split("<reservationId>")
    .slice(1)
    .map((xml) => {
      const tags = new Map([...xml.matchAll(/<key>([^<]*)<\/key><value>([^<]*)<\/value>/g)].map(([, k, v]) => [k, v]));
      const state = /<instanceState><code>\d+<\/code><name>([^<]*)</.exec(xml)?.[1] ?? "";
      return {
        id: /<instanceId>(i-[^<]*)</.exec(xml)?.[1] ?? "",
        workspace: tags.get(WORKSPACE) ?? "",
        cycleId: tags.get(CYCLE) ?? "",
        isLive: !["shutting-down", "terminated"].includes(state),
      };
    });
}
