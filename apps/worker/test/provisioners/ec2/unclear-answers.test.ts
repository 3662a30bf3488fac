/** What stands between us and EC2 may answer in its place, or stop in the middle: nothing may be taken for EC2's word. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { DryRun, Ec2Api } from "../../../src/provisioners/ec2/api.ts";
import { meaningOf } from "../../../src/provisioners/ec2/errors.ts";
import { connectEc2, type Ec2Connection } from "../../../src/provisioners/ec2/index.ts";
import { awsForTests } from "../ec2-proxy/aws-for-tests.ts";
import { refusal, success } from "../ec2-proxy/query.ts";

awsForTests();

const launch = { request: { MinCount: 1, MaxCount: 1 }, clientToken: "t", userData: undefined };
const replaceRoot = { instanceId: "i-1", clientToken: "t", imageId: undefined };

const CALLS: Readonly<Record<string, (api: Ec2Api) => Promise<unknown>>> = {
  RunInstances: (api) => api.runInstances(launch),
  TerminateInstances: (api) => api.terminateInstances(["i-1"]),
  StartInstances: (api) => api.startInstance("i-1"),
  StopInstances: (api) => api.stopInstance("i-1"),
  RebootInstances: (api) => api.rebootInstance("i-1"),
  CreateTags: (api) => api.createTags(["i-1"], { a: "b" }),
  AttachVolume: (api) => api.attachVolume("vol-1", "i-1", "/dev/sdf"),
  DetachVolume: (api) => api.detachVolume("vol-1", "i-1"),
  CreateReplaceRootVolumeTask: (api) => api.createReplaceRootVolumeTask(replaceRoot),
  DescribeInstances: (api) => api.describeInstances(["i-1"]),
  DescribeInstanceStatus: (api) => api.describeStatusChecks(["i-1"]),
  DescribeVolumes: (api) => api.describeVolumes(["vol-1"]),
  DescribeSubnets: (api) => api.describeSubnets(["subnet-1"]),
  DescribeImages: (api) => api.describeImage("ami-1"),
  DescribeLaunchTemplateVersions: (api) => api.describeTemplate({ id: "lt-1", version: "1" }),
  DescribeReplaceRootVolumeTasks: (api) => api.describeReplaceRootTask("replacevol-1"),
  DescribeInstanceAttribute: (api) => api.isProtected("i-1", "termination"),
};

const DRY_RUNS: readonly DryRun[] = [
  { call: "RunInstances", launch },
  { call: "TerminateInstances", instanceId: "i-1" },
  { call: "StopInstances", instanceId: "i-1" },
  { call: "StartInstances", instanceId: "i-1" },
  { call: "RebootInstances", instanceId: "i-1" },
  { call: "CreateReplaceRootVolumeTask", replaceRoot },
  { call: "DetachVolume", volumeId: "vol-1", instanceId: "i-1" },
];

const ALL: ReadonlyArray<readonly [string, (api: Ec2Api) => Promise<unknown>]> = [
  ...Object.entries(CALLS),
  ["DescribeInstances by tags", (api) => api.findInstances({ tags: { a: "b" } })],
  ...DRY_RUNS.map((call) => [`the dry run of ${call.call}`, (api: Ec2Api) => api.dryRun(call)] as const),
];

const PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in<br></body></html>";
const TIDY_PAGE = "<html><body><Reservations>Sign in</Reservations></body></html>";

type Answer = (action: string, response: ServerResponse) => void;
let answer: Answer;
let server: Server;
let endpoint: string;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    answer(new URLSearchParams(body).get("Action") ?? "", response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

/** What each call's failure means. */
async function meanings(api: Ec2Api): Promise<Record<string, string>> {
  const found = ALL.map(async ([name, call]) => [name, meaningOf(await failureOf(call(api))).kind]);
  return Object.fromEntries(await Promise.all(found));
}

const allOf = (outcome: string) => Object.fromEntries(ALL.map(([name]) => [name, outcome]));

const failureOf = (call: Promise<unknown>) =>
  call.then(
    (value) => expect.fail(`it was taken for an answer: ${JSON.stringify(value)}`),
    (error: Error) => error,
  );

describe("an answer that is not EC2's is unclear, never empty and never a no", () => {
  let api: Ec2Connection;
  beforeAll(() => {
    api = connectEc2({ endpoint });
  });
  afterAll(() => api.close());

  const bodies: Readonly<Record<string, Answer>> = {
    "a login page": (_, response) => response.writeHead(200, { "content-type": "text/html" }).end(PAGE),
    "a login page that is XML, too": (_, response) => response.writeHead(200).end(TIDY_PAGE),
    "an empty body": (_, response) => response.writeHead(200).end(),
    "a redirect to a login page": (_, response) => response.writeHead(302, { location: "/login" }).end(),
    "a proxy's own refusal": (_, response) => response.writeHead(403, { "content-type": "text/html" }).end(PAGE),
    "a proxy's own refusal without a body": (_, response) => response.writeHead(404).end(),
    "an answer to something else": (_, response) => response.end(success("DescribeRegions", "<regionInfo/>").body),
    "an answer without what was asked for": (action, response) =>
      response.end(`<${action}Response></${action}Response>`),
    "half a refusal": (_, response) =>
      response.writeHead(403).end(refusal("UnauthorizedOperation", "no").body.slice(0, -9)),
    "half an answer": (action, response) => response.end(success(action, "<reservationSet/>").body.slice(0, -9)),
  };
  it.each(Object.entries(bodies))("%s", async (_what, body) => {
    answer = body;
    expect(await meanings(api)).toEqual(allOf("retry"));
  });

  it("EC2's own refusals keep their meaning", async () => {
    answer = (_, response) => response.writeHead(403).end(refusal("UnauthorizedOperation", "no").body);
    expect(await meanings(api)).toEqual(allOf("permanent"));
  });

  it("what EC2 answers with nothing in it is empty", async () => {
    answer = (action, response) => {
      const set = action === "DescribeInstances" ? "reservationSet" : "imagesSet";
      response.end(success(action, `<${set}/>`).body);
    };
    expect([...(await api.describeInstances(["i-1"]))]).toEqual([]);
    expect(await api.findInstances({ tags: {} })).toEqual([]);
    expect(await api.describeImage("ami-1")).toBeUndefined();
  });

  it("an instance without an id or a state, or a subnet that does not say how much room it has, is no answer", async () => {
    const instance = (content: string) =>
      `<reservationSet><item><instancesSet><item>${content}</item></instancesSet></item></reservationSet>`;
    for (const content of ["<instanceId>i-1</instanceId>", "<instanceState><name>running</name></instanceState>"]) {
      answer = (action, response) => response.end(success(action, instance(content)).body);
      expect(meaningOf(await failureOf(api.describeInstances(["i-1"]))).kind).toBe("retry");
    }
    const subnet = "<subnetSet><item><subnetId>subnet-1</subnetId></item></subnetSet>";
    answer = (action, response) => response.end(success(action, subnet).body);
    expect(meaningOf(await failureOf(api.describeSubnets(["subnet-1"]))).kind).toBe("retry");
  });
});

describe("a call takes no longer than its time", () => {
  let api: Ec2Connection;
  beforeEach(() => {
    api = connectEc2({ endpoint, limitMs: 200 });
    return () => api.close();
  });

  const timeouts: Readonly<Record<string, Answer>> = {
    "no answer begins": () => {},
    "an answer stops in the middle": (action, response) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write(success(action, "").body.slice(0, 60));
    },
    "a refusal stops in the middle": (_, response) => {
      response.writeHead(403, { "content-length": 1_000 });
      response.write(refusal("UnauthorizedOperation", "no").body);
    },
  };
  it.each(Object.entries(timeouts))("%s", async (_what, body) => {
    answer = body;
    const names = ALL.map(async ([name, call]) => {
      const error = await failureOf(call(api));
      return [name, `${error.name}: ${meaningOf(error).kind}`];
    });
    expect(Object.fromEntries(await Promise.all(names))).toEqual(allOf("TimeoutError: retry"));
  });

  it("also when it is the credentials that never come", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", endpoint);
    answer = () => {};
    expect((await failureOf(api.describeInstances(["i-1"]))).name).toBe("TimeoutError");
    vi.unstubAllEnvs();
  });

  it("lets go of the connection whose answer stopped, also when it is aborted", async () => {
    const closed: Promise<unknown>[] = [];
    answer = (_, response) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write("<");
      closed.push(once(response, "close"));
    };
    await failureOf(api.describeInstances(["i-1"]));
    // It is tried again as often as the time allows.
    const tried = closed.length;
    const patient = connectEc2({ endpoint, limitMs: 60_000 });
    const leaving = new AbortController();
    const call = failureOf(patient.describeInstances(["i-1"], { signal: leaving.signal }));
    await expect.poll(() => closed.length).toBe(tried + 1);
    leaving.abort(new Error("lease lost"));
    expect((await call).message).toBe("lease lost");
    await Promise.all(closed);
    patient.close();
  });
});
