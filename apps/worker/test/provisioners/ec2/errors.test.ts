import { describe, expect, it } from "vitest";
import { clientToken } from "../../../src/provisioners/ec2/client-token.ts";
import { meaningOf, provisionerErrorOf } from "../../../src/provisioners/ec2/errors.ts";
import { renderUserData } from "../../../src/provisioners/ec2/user-data.ts";
import { awsError } from "./idempotent-api.ts";

describe("what an error means", () => {
  it.each([
    ["RequestLimitExceeded", 503, "retry"],
    ["InternalError", 500, "retry"],
    ["Unavailable", 503, "retry"],
    ["InsufficientInstanceCapacity", 500, "next-attempt"],
    ["Unsupported", 400, "next-attempt"],
    ["IdempotentInstanceTerminated", 400, "next-attempt"],
    ["InstanceLimitExceeded", 400, "backoff"],
    ["VcpuLimitExceeded", 400, "backoff"],
    ["UnauthorizedOperation", 403, "permanent"],
    ["AuthFailure", 401, "permanent"],
    ["InvalidAMIID.NotFound", 400, "permanent"],
    ["InvalidSubnetID.NotFound", 400, "permanent"],
    ["InvalidLaunchTemplateId.VersionNotFound", 400, "permanent"],
    ["InvalidParameterValue", 400, "permanent"],
    ["MissingParameter", 400, "permanent"],
    ["OperationNotPermitted", 400, "permanent"],
    ["IdempotentParameterMismatch", 400, "permanent"],
    ["SomethingNobodyKnows", 400, "permanent"],
    ["SomethingNobodyKnows", 502, "retry"],
    ["TimeoutError", 0, "retry"],
    ["IncorrectInstanceState", 400, "wrong-state"],
    ["InvalidInstanceID.NotFound", 400, "not-found"],
    ["DryRunOperation", 412, "dry-run"],
  ])("%s with HTTP %i: %s", (name, status, kind) => {
    expect(meaningOf(awsError(name, status)).kind).toBe(kind);
  });

  it("a torn connection is worth repeating", () => {
    const torn = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    expect(meaningOf(torn).kind).toBe("retry");
    expect(provisionerErrorOf({ workspaceId: "w", call: "RunInstances" }, torn).message).toContain("ECONNRESET");
  });
});

describe("what a person is told", () => {
  it("names the workspace, the call, what it was about, the code and what to do", () => {
    const failed = { workspaceId: "w1", call: "TerminateInstances", about: "i-1" };
    const error = provisionerErrorOf(failed, awsError("UnauthorizedOperation", 403, "You are not\n  authorized"));
    expect(error.message).toBe(
      "workspace w1: TerminateInstances (i-1) failed: UnauthorizedOperation: You are not authorized [request req-1]. " +
        "What to do: give the worker's role this permission",
    );
    expect(error).toMatchObject({ retryable: false, alert: false });
  });

  it.each([
    ["RequestLimitExceeded", 503, /EC2 asks for fewer calls/],
    ["InternalError", 500, /tried again/],
    ["CredentialsProviderError", 0, /finds no AWS credentials/],
    ["InsufficientInstanceCapacity", 500, /name more subnetIds or instanceTypes/],
    ["InsufficientFreeAddressesInSubnet", 400, /name another one/],
    ["Unsupported", 400, /name other types or subnets/],
    ["IdempotentInstanceTerminated", 400, /terminated by someone else/],
    ["InstanceLimitExceeded", 400, /raise the account's limit/],
    ["PendingVerification", 400, /wait for its mail/],
    ["OptInRequired", 401, /subscribe the account/],
    ["IncorrectInstanceState", 400, /somebody else changes the instance/],
    ["VolumeInUse", 400, /detach the volume/],
    ["UnauthorizedOperation", 403, /give the worker's role this permission/],
    ["AuthFailure", 401, /renew them/],
    ["InvalidAMIID.NotFound", 400, /correct the workspace's spec: it does not exist/],
    ["InvalidInstanceID.NotFound", 400, /deleted, or is not visible yet/],
    ["MissingParameter", 400, /correct the workspace's spec/],
    ["OperationNotPermitted", 400, /protection off/],
    ["IdempotentParameterMismatch", 400, /report this/],
    ["UnsupportedOperation", 400, /choose another strategy/],
    ["SomethingNobodyKnows", 400, /EC2 refused the request/],
  ])("of %s (HTTP %i) says what to do", (name, status, advice) => {
    const { message } = provisionerErrorOf({ workspaceId: "w1", call: "StartInstances" }, awsError(name, status));
    const [what, toDo] = message.split(". What to do: ");
    expect(what).toMatch(`workspace w1: StartInstances failed: ${name}: `);
    expect(toDo).toMatch(advice);
  });

  it("is short, however long AWS's message", () => {
    const error = provisionerErrorOf({ workspaceId: "w1", call: "X" }, awsError("AuthFailure", 401, "x".repeat(9_000)));
    expect(error.message.length).toBeLessThan(700);
  });
});

describe("a client token", () => {
  const parts = { owner: "o", workspaceId: "w".repeat(128), cycleId: "c1", attempt: 1, call: "launch" } as const;

  it("is the same for the same call, and has at most 64 ASCII characters", () => {
    expect(clientToken(parts)).toBe(clientToken({ ...parts }));
    expect(clientToken(parts)).toMatch(/^[\x21-\x7e]{1,64}$/);
  });

  it("is another for any other call", () => {
    const others = [
      { ...parts, owner: "p" },
      { ...parts, workspaceId: "w" },
      { ...parts, cycleId: "c" },
      { ...parts, attempt: 2 },
      { ...parts, call: "replace-root" as const },
      { ...parts, cycleId: "c11", attempt: 1 },
    ];
    expect(new Set([parts, ...others].map(clientToken)).size).toBe(7);
  });
});

describe("user data", () => {
  it("is filled in, but for what is the shell's, and hashed", () => {
    const { base64 = "", hash } = renderUserData(`{workspaceId} {cycleId} \${cycleId} {other}`, {
      workspaceId: "$&",
      cycleId: "c1",
    });
    expect(Buffer.from(base64, "base64").toString()).toBe(`$& c1 \${cycleId} {other}`);
    expect(hash).toHaveLength(43);
  });
});
