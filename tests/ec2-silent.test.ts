/** A worker whose EC2 is not to be had says so, and takes note when it is back. */
import { expect } from "vitest";
import { type Ec2Proxy, startEc2Proxy } from "../apps/worker/test/provisioners/ec2-proxy/proxy.ts";
import { SmallEc2 } from "../apps/worker/test/provisioners/ec2-proxy/small-ec2.ts";
import { test } from "./faults/support/bench.ts";
import { eventually } from "./faults/support/eventually.ts";

const NO_ANSWER = "EC2 has given no clear answer since";

async function readiness(url: string): Promise<string> {
  const response = await fetch(`${url}/readyz`, { headers: { connection: "close" } });
  const { status, reason } = (await response.json()) as { status: string; reason?: string };
  return reason ?? status;
}

test("while a login page answers in EC2's place, readiness and the log say so; the comparison with the records goes on", async ({
  useBench,
  onTestFinished,
}) => {
  const small = new SmallEc2();
  const proxy: Ec2Proxy = await startEc2Proxy({ moto: (params) => small.answer(params) });
  onTestFinished(() => proxy.stop());
  const bench = useBench();
  const child = bench.workerProcess({
    ...{ PROVISIONER: "ec2", EC2_OWNER: bench.prefix, EC2_ENDPOINT: proxy.url, EC2_RECONCILE_MS: "20" },
    ...{ AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", METRICS_PORT: "0" },
    ...{ AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null" },
  });
  const url = String((await child.logged(/^health and metrics on/)).url);
  await eventually("ready", async () => (await readiness(url)) === "ready");

  const page = { kind: "impostor", body: "<html><body>Sign in</body></html>" } as const;
  proxy.faults.next("DescribeInstances", page, { count: Number.POSITIVE_INFINITY });
  await eventually("not ready", async () => (await readiness(url)).startsWith(NO_ANSWER));
  expect(await readiness(url)).toContain("the answer (HTTP 200) is not EC2's");
  await child.logged(new RegExp(`^${NO_ANSWER}`));

  proxy.faults.clear();
  await eventually("ready again", async () => (await readiness(url)) === "ready");
  await child.logged(/^EC2 answers again/);
});
