/** A login page answers some calls in EC2's place, as a proxy whose session is over does. */
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { connectEc2, type Ec2Connection, Ec2Provisioner } from "../../../src/provisioners/ec2/index.ts";
import { identityTags, TAG } from "../../../src/provisioners/ec2/tags.ts";
import type { Cycle, Journal } from "../../../src/provisioners/provisioner.ts";
import { awsForTests } from "../ec2-proxy/aws-for-tests.ts";
import { type Ec2Proxy, startEc2Proxy } from "../ec2-proxy/proxy.ts";
import { SmallEc2 } from "../ec2-proxy/small-ec2.ts";
import { FAST, OWNER } from "./test-settings.ts";

awsForTests();

const LOGIN_PAGES = ["<html><body>Sign in</body></html>", ""];

let small: SmallEc2;
let proxy: Ec2Proxy;
let ec2: Ec2Connection;

beforeAll(async () => {
  proxy = await startEc2Proxy({ moto: (params) => small.answer(params) });
  ec2 = connectEc2({ endpoint: proxy.url });
});
beforeEach(() => {
  small = new SmallEc2();
  proxy.reset();
});
afterAll(async () => {
  ec2.close();
  await proxy.stop();
});

/** Attempts at one cycle, each going on from the journal of the one before, until one ends well. */
async function restart(workspaceId: string, instanceId: string): Promise<unknown> {
  const defaults = { imageId: small.imageId, instanceTypes: ["m7i.large"], deadlines: { terminateMs: 200 } };
  const provisioner = new Ec2Provisioner({ api: ec2, owner: OWNER, defaults, timing: FAST });
  let journal: Journal | undefined;
  const cycle: Cycle = {
    workspace: { id: workspaceId, spec: {}, instance: { instanceId } },
    ...{ id: `${workspaceId}-c1`, fencingToken: 1, attempt: 1, signal: new AbortController().signal },
    ...{ action: "restart", leftover: undefined, journal: undefined, step: () => {}, safePoint: () => {} },
    record: async (entry) => {
      journal = structuredClone(entry);
    },
  };
  for (let attempt = 1; attempt < 4; attempt++) {
    try {
      return (await provisioner.restart({ ...cycle, attempt, journal })).instance.instanceId;
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error;
    }
  }
  return expect.fail("no attempt ended well");
}

it.each(LOGIN_PAGES)(
  "a cycle that ends well leaves one live instance, whichever two calls %j answered",
  async (body) => {
    const spoiled = () => proxy.calls.filter(({ outcome }) => outcome === "impostor").length;
    // Until a whole cycle makes fewer calls than that.
    for (let n = 0; spoiled() === 2 * n; n++) {
      const workspaceId = `w${n}`;
      const old = small.add(identityTags({ owner: OWNER, workspaceId }));
      proxy.faults.from(n, 2, { kind: "impostor", body });
      const id = await restart(workspaceId, old);
      expect({ n, live: small.runningBy(TAG.workspace).get(workspaceId) }).toEqual({ n, live: [id] });
      expect(id).not.toBe(old);
      proxy.faults.clear();
    }
    expect(spoiled()).toBeGreaterThan(12);
  },
);
