import { describe, expect, it } from "vitest";
import { checkEc2Defaults, checkEc2Spec, explain } from "../src/index.ts";

const template = { launchTemplate: { name: "workspaces" } };
const echoing = { kind: "url", url: "http://{privateIp}/health" };
const volume = { id: "vol-0123456789abcdef0", device: "/dev/sdf" };

function problemsOf(spec: Record<string, unknown>, defaults: Record<string, unknown> = {}): string {
  const checked = checkEc2Spec(spec, checkEc2Defaults(defaults));
  return checked.ok ? "" : explain(checked.problems);
}

describe("a spec", () => {
  it("is laid over the defaults: tags and deadlines key by key, the rest as a whole, null takes away", () => {
    const defaults = {
      ...template,
      instanceTypes: ["m7i.large"],
      tags: { team: "a", stage: "prod" },
      deadlines: { readyMs: 1, stopMs: 2 },
    };
    const own = {
      launchTemplate: null,
      imageId: "ami-0123456789abcdef0",
      tags: { team: "b" },
      deadlines: { stopMs: 3 },
    };
    const checked = checkEc2Spec(own, checkEc2Defaults(defaults));
    expect(checked).toMatchObject({
      ok: true,
      spec: {
        imageId: "ami-0123456789abcdef0",
        instanceTypes: ["m7i.large"],
        tags: { team: "b", stage: "prod" },
        deadlines: { readyMs: 1, stopMs: 3, terminateMs: 600_000 },
        strategy: "replace",
        strategyGiven: false,
      },
    });
    expect(checked.ok && checked.spec.launchTemplate).toBe(undefined);
  });

  it("with data volumes is recreated unless it says otherwise", () => {
    expect(checkEc2Spec({ ...template, volumes: [volume] }, {})).toMatchObject({
      ok: true,
      spec: { strategy: "recreate" },
    });
  });

  it.each([
    ["nothing to launch", {}, /replace launches instances, so it needs launchTemplate or imageId/],
    ["an image without a type", { imageId: "ami-0123456789abcdef0" }, /spec\.instanceTypes: needed/],
    ["a template by id and name", { launchTemplate: { id: "lt-01234567", name: "abc" } }, /either id or name/],
    ["replace with a volume", { ...template, strategy: "replace", volumes: [volume] }, /use recreate/],
    ["one volume twice", { ...template, volumes: [volume, { ...volume, device: "xvdg" }] }, /given once/],
    ["one device twice", { ...template, volumes: [volume, { id: "vol-01234567", device: "sdf" }] }, /given once/],
    [
      "a volume and no say in the zone",
      { imageId: "ami-01234567", instanceTypes: ["t3.nano"], volumes: [volume] },
      /spec\.subnetIds: needed with volumes/,
    ],
    ["a reboot that cannot be told", { strategy: "reboot", readiness: { kind: "status-checks" } }, /reboot needs/],
    ["a reboot without echo", { strategy: "reboot", readiness: { ...echoing, echo: false } }, /reboot needs/],
    [
      "an echo that cannot be",
      { imageId: "ami-01234567", instanceTypes: ["t3.nano"], readiness: echoing, userData: `echo \${cycleId}` },
      /cannot know the cycle id/,
    ],
    [
      "a URL that the old one answers",
      { ...template, readiness: { kind: "url", url: "http://lb/health", echo: false } },
      /the old one answers too/,
    ],
    ["an unknown placeholder", { ...template, readiness: { kind: "url", url: "http://{ip}/" } }, /placeholder \{ip\}/],
    ["our own tags", { ...template, tags: { "restart-coordinator:owner": "me" } }, /are the worker's/],
    [
      "a tag key that metadata cannot show",
      { ...template, metadataTags: true, tags: { "a/b": "" } },
      /spec\.tags\.a\/b/,
    ],
    ["a misspelt field", { ...template, instanceType: "t3.nano" }, /instanceType/],
    ["a malformed id", { ...template, subnetIds: ["subnet-x"] }, /spec\.subnetIds\.0: expected subnet-/],
  ])("is refused with %s", (_, spec, problem) => {
    expect(problemsOf(spec)).toMatch(problem);
  });

  it.each([
    ["stop-start without anything to launch", { strategy: "stop-start" }],
    ["reboot with an echo", { strategy: "reboot", readiness: echoing }],
    ["a volume beside stop-start", { ...template, strategy: "stop-start", volumes: [volume] }],
    [
      "an echo by user data",
      { imageId: "ami-01234567", instanceTypes: ["t3.nano"], readiness: echoing, userData: "{cycleId}" },
    ],
  ])("is accepted with %s", (_, spec) => {
    expect(problemsOf(spec)).toBe("");
  });

  it("has all its problems told at once", () => {
    expect(problemsOf({ imageId: "x", keyName: "", color: 1 })).toMatch(/imageId.*keyName.*color/);
  });
});

describe("defaults", () => {
  it("are checked at start-up, every field by name", () => {
    expect(() => checkEc2Defaults({ subnetIds: ["x"], foo: 1 })).toThrow(/EC2_DEFAULTS\.subnetIds\.0: .*foo/);
  });
});
