/** A whole worker against EC2 as it behaves: what people are told when it fails, and what nobody is ever told. */

import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { Redis } from "ioredis";
import { expect } from "vitest";
import { describeOn, motoForTests } from "../apps/worker/test/provisioners/ec2/moto.ts";
import { type Ec2Proxy, startEc2Proxy } from "../apps/worker/test/provisioners/ec2-proxy/proxy.ts";
import type { Query } from "../apps/worker/test/provisioners/ec2-proxy/query.ts";
import { type Bench, test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";

const WITHIN_MS = 60_000;
const moto = await motoForTests();

const secrets = {
  defaults: "user-data-of-the-defaults",
  spec: "user-data-of-a-spec",
  key: "aws-secret-access-key",
};
const userData = (secret: string) => `#!/bin/sh\nexport TOKEN=${secret}\n`;

const FORMS = Object.values(secrets).flatMap((secret) => [secret, Buffer.from(userData(secret)).toString("base64")]);

const ofWorkspace =
  (id: string) =>
  ({ params, dryRun }: Query): boolean =>
    !dryRun && [...params.values()].includes(id);

/** For each class of error: what EC2 says, and what the activity says then. */
const failures: Record<string, { code: string; status?: number; told: RegExp }> = {
  "a-limit": {
    code: "VcpuLimitExceeded",
    told: /^workspace a-limit: RunInstances \(t3\.micro in .*\) failed: VcpuLimitExceeded: .* What to do: raise the account's limit/,
  },
  "a-permission": {
    code: "UnauthorizedOperation",
    status: 403,
    told: /^workspace a-permission: RunInstances \(.*\) failed: UnauthorizedOperation: .* What to do: give the worker's role/,
  },
  "no-capacity": {
    code: "InsufficientInstanceCapacity",
    status: 500,
    told: /^workspace no-capacity: no instance to be had, 1 tried\. .*RunInstances \(.*\) failed: InsufficientInstanceCapacity: .* What to do: EC2 has none/,
  },
  "a-bad-parameter": {
    code: "InvalidParameterValue",
    told: /^workspace a-bad-parameter: RunInstances \(.*\) failed: InvalidParameterValue: .* What to do: correct the workspace's spec/,
  },
};

function worker(bench: Bench, proxy: Ec2Proxy) {
  return bench.workerProcess({
    ...{ PROVISIONER: "ec2", EC2_OWNER: bench.prefix, EC2_ENDPOINT: proxy.url, LOG_LEVEL: "trace" },
    EC2_DEFAULTS: JSON.stringify({
      ...{ imageId: "ami-12c6146b", instanceTypes: ["t3.micro"], userData: userData(secrets.defaults) },
    }),
    ...{ AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: secrets.key },
    ...{ AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null" },
  });
}

const eventOf = (bench: Bench, id: string, name: string) =>
  eventually(`${name} of ${id}`, async () => (await bench.events(id, name))[0], WITHIN_MS);

describeOn(moto)("a worker with EC2", () => {
  test("tells the workspace, the call, AWS's code and what to do; user data and keys it tells nobody", {
    timeout: 2 * WITHIN_MS,
  }, async ({ useBench, onTestFinished }) => {
    onTestFinished(() => moto?.stop());
    const proxy = await startEc2Proxy({ moto: moto?.endpoint ?? "" });
    onTestFinished(() => proxy.stop());
    const bench = useBench();
    const child = worker(bench, proxy);
    for (const [id, { code, status = 400 }] of Object.entries(failures)) {
      const fault = { kind: "error", code, status } as const;
      proxy.faults.next("RunInstances", fault, { count: 9, matches: ofWorkspace(id) });
      await bench.coordinator.registry.register(id, {});
    }
    const denied = { kind: "error", code: "UnauthorizedOperation", status: 403 } as const;
    const isSmall = ({ params, dryRun }: Query) => dryRun && params.get("InstanceType") === "t3.small";
    proxy.faults.next("RunInstances", denied, { matches: isSmall });
    await bench.coordinator.registry.register("declined", { spec: { instanceTypes: ["t3.small"] } });
    await bench.coordinator.registry.register("good", { spec: { userData: userData(secrets.spec) } });
    const leaks = await leaksInto(bench.redis as Redis);
    onTestFinished(() => leaks.stop());
    for (const id of [...Object.keys(failures), "declined", "good"]) {
      await bench.coordinator.trigger(id, { source: "manual" });
    }

    for (const [id, { told }] of Object.entries(failures)) {
      const { payload } = await eventOf(bench, id, "WORKSPACE_RESTART_FAILED");
      expect(payload.error).toMatch(told);
    }
    const { payload } = await eventOf(bench, "declined", "WORKSPACE_RESTART_DECLINED");
    expect(payload.error).toMatch(/^workspace declined: DryRun of RunInstances failed: UnauthorizedOperation: /);
    const online = await eventOf(bench, "good", "WORKSPACE_ONLINE");
    expect(online.payload.instance).toMatchObject({ instanceId: expect.stringMatching(/^i-/), strategy: "replace" });
    await child.logged(/needs somebody to look at it/);

    const launched = proxy.calls.filter(({ action, dryRun }) => action === "RunInstances" && !dryRun);
    const sent = launched.map(({ params }) => Buffer.from(params.UserData ?? "", "base64").toString());
    expect(sent).toEqual(expect.arrayContaining([userData(secrets.defaults), userData(secrets.spec)]));
    const kept = await everythingIn(bench.redis as Redis, bench.prefix);
    const logged = JSON.stringify(child.log);
    expect(logged).toContain("LAUNCHING");
    expect(kept).toContain("VcpuLimitExceeded");
    for (const form of FORMS) {
      expect(logged).not.toContain(form);
      expect(kept).not.toContain(form);
    }
    expect(leaks.commands).toEqual([]);
  });
});

/**
 * Every command with a secret in it that reaches Redis from now on, also one whose traces are soon gone. Over a bare socket,
 * for the client stumbles over commands that come with the answer to MONITOR (findings/ioredis-monitor-of-a-busy-server.sh).
 */
async function leaksInto(redis: Redis): Promise<{ commands: string[]; stop(): void }> {
  const commands: string[] = [];
  const { host = "127.0.0.1", port = 6379 } = redis.options;
  const socket = connect({ host, port });
  const lines = createInterface({ input: socket });
  socket.write("MONITOR\r\n");
  const [answer] = await once(lines, "line");
  expect(answer).toBe("+OK");
  lines.on("line", (line) => {
    if (FORMS.some((form) => line.includes(form))) commands.push(line.slice(0, 500));
  });
  return { commands, stop: () => socket.destroy() };
}

/** All that Redis keeps of this installation: events, activity, journals, jobs. Not the specs, which hold what was put there. */
async function everythingIn(redis: Redis, prefix: string): Promise<string> {
  const texts: unknown[] = [];
  for await (const keys of redis.scanStream({ match: `{${prefix}*`, count: 1_000 })) {
    for (const key of keys as string[]) texts.push(key, await contentOf(redis, key));
  }
  return JSON.stringify(texts);
}

async function contentOf(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case "string":
      return redis.get(key);
    case "list":
      return redis.lrange(key, 0, -1);
    case "set":
      return redis.smembers(key);
    case "zset":
      return redis.zrange(key, "0", "-1");
    case "stream":
      return redis.xrange(key, "-", "+");
    case "hash": {
      const { spec, ...fields } = await redis.hgetall(key);
      return fields;
    }
  }
  return undefined;
}
