import { beforeEach, describe, expect, it } from "vitest";
import type { Instance, InstanceState } from "../../../src/provisioners/ec2/api.ts";
import {
  type ReconcileOptions,
  type Report,
  reconcile,
  type WorkspaceRecord,
} from "../../../src/provisioners/ec2/reconcile.ts";
import { TAG } from "../../../src/provisioners/ec2/tags.ts";

const OWNER = "ours";
const MINUTE = 60_000;
const GRACE = 15 * MINUTE;

let now: number;
let cloud: Map<string, Instance>;
let records: WorkspaceRecord[];
let sightings: Map<string, number>;
let reports: Report[];
let terminated: string[];
let onList: () => void;
let onDescribe: () => void;

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  cloud = new Map();
  records = [];
  sightings = new Map();
  reports = [];
  terminated = [];
  onList = () => {};
  onDescribe = () => {};
});

function instance(id: string, workspaceId: string | undefined, given: Partial<Instance> = {}): void {
  const none = undefined;
  const tags = { [TAG.owner]: OWNER, ...(workspaceId !== undefined && { [TAG.workspace]: workspaceId }) };
  const places = { subnetId: none, zone: none, privateIp: none, publicIp: none, privateDns: none, publicDns: none };
  const rest = { imageId: none, type: none, rootDeviceType: none, spot: false, volumeIds: [], stateReason: none };
  const launchedAt = new Date(now - 60 * MINUTE).toISOString();
  const state: InstanceState = "running";
  cloud.set(id, { id, state, tags, clientToken: `token-${id}`, launchedAt, ...places, ...rest, ...given });
}

function record(workspaceId: string, instanceId?: string, given: Partial<WorkspaceRecord> = {}): void {
  const recorded = instanceId === undefined ? undefined : { instanceId };
  records = records.filter((other) => other.workspaceId !== workspaceId);
  records.push({ workspaceId, instance: recorded, journals: [], busy: false, ...given });
}

function pass(options: ReconcileOptions = {}) {
  const api = {
    // As a server would that ignores filters: what it answers is checked.
    findInstances: async () => {
      const listed = [...cloud.values()];
      onList();
      return listed;
    },
    describeInstances: async (ids: readonly string[]) => {
      onDescribe();
      return new Map(
        ids.flatMap((id): [string, Instance][] => (cloud.has(id) ? [[id, cloud.get(id) as Instance]] : [])),
      );
    },
    terminateInstances: async (ids: readonly string[]) => {
      if (ids.some((id) => id === "i-protected"))
        throw Object.assign(new Error("no"), { name: "OperationNotPermitted" });
      terminated.push(...ids);
    },
  };
  const report = (what: Report): void => void reports.push(what);
  return reconcile({ api, owner: OWNER, records: async () => records, now: () => now, sightings, report }, options);
}

/** Sees everything a first time, then again when the grace period is over. */
async function passes(options: ReconcileOptions = {}) {
  expect(await pass(options)).toEqual([]);
  now += GRACE;
  return pass(options);
}

describe("an orphan", () => {
  it("is an instance with our tags that no record names, of a workspace that is known or not", async () => {
    instance("i-recorded", "w1");
    instance("i-leaked", "w1");
    instance("i-forgotten", "gone");
    record("w1", "i-recorded");
    expect(await passes()).toMatchObject([
      { kind: "orphan", instance: { id: "i-leaked" }, workspaceId: "w1", known: true },
      { kind: "orphan", instance: { id: "i-forgotten" }, workspaceId: "gone", known: false },
    ]);
    expect(reports.map(({ kind }) => kind)).toEqual(["found", "found"]);
    expect(terminated).toEqual([]);
  });

  it("is none while a cycle runs, or a journal names it or its client token, wherever", async () => {
    for (const id of ["i-busy", "i-journal", "i-token"]) instance(id, id.slice(2));
    record("busy", undefined, { busy: true });
    record("journal", undefined, { journals: [{ step: "LAUNCHED", discard: [{ id: "i-journal", at: 1 }] }] });
    record("token", undefined, { journals: [{ inDoubt: [{ clientToken: "token-i-token" }] }] });
    expect(await passes()).toEqual([]);
  });

  it("is none when it is another owner's, names no workspace, or does not live", async () => {
    instance("i-theirs", "w1", { tags: { [TAG.owner]: "theirs", [TAG.workspace]: "w1" } });
    instance("i-unnamed", undefined);
    instance("i-gone", "w1", { state: "terminated" });
    instance("i-going", "w1", { state: "shutting-down" });
    expect(await passes({ terminate: true })).toEqual([]);
    expect(terminated).toEqual([]);
  });

  it("must be old enough", async () => {
    instance("i-1", "w1");
    await pass();
    now += GRACE - 1;
    expect(await pass()).toEqual([]);
    now += 1;
    expect(await pass()).toHaveLength(1);
    instance("i-1", "w1", { launchedAt: new Date(now).toISOString() });
    expect(await pass()).toEqual([]);
  });

  it("must be seen in every pass: one that is accounted for in between starts anew", async () => {
    instance("i-1", "w1");
    await pass();
    record("w1", "i-1");
    now += GRACE;
    await pass();
    record("w1", undefined);
    now += GRACE;
    expect(await pass()).toEqual([]);
  });

  it("is none when it is launched and recorded between the two lists", async () => {
    onList = () => {
      instance("i-new", "w1");
      record("w1", "i-new");
    };
    expect(await pass()).toEqual([]);
    expect(sightings.size).toBe(0);
  });
});

describe("told to terminate", () => {
  const kinds = () =>
    reports.map((report) => ("instanceId" in report ? [report.kind, report.instanceId] : [report.kind]));

  it("terminates orphans, and nothing else", async () => {
    instance("i-recorded", "w1");
    instance("i-leaked", "w1");
    record("w1", "i-recorded");
    record("w2", "i-missing");
    await passes({ terminate: true });
    expect(terminated).toEqual(["i-leaked"]);
    expect(kinds()).toEqual([["found"], ["found"], ["terminated", "i-leaked"]]);
  });

  it("looks again before it does: a cycle may have come to need it, or somebody have taken its tags", async () => {
    for (const id of ["i-keep", "i-taken", "i-untagged"]) instance(id, "w1");
    record("w1", "i-keep");
    await pass({ terminate: true });
    now += GRACE;
    onDescribe = () => {
      record("w1", "i-keep", { journals: [{ fresh: "i-taken" }] });
      instance("i-untagged", "w1", { tags: { [TAG.workspace]: "w1" } });
    };
    expect(await pass({ terminate: true })).toHaveLength(2);
    expect(terminated).toEqual([]);
    expect(kinds().slice(2)).toEqual([
      ["not-terminated", "i-taken"],
      ["not-terminated", "i-untagged"],
    ]);
  });

  it.each([
    ["stopped", []],
    ["running", [{ kind: "unrecorded", instanceId: "i-own", workspaceId: "w2" }]],
  ] as const)("is none when it is all that its workspace has, %s: the next cycle takes it", async (state, told) => {
    record("w1", "i-1");
    instance("i-1", "w1");
    // As a pause leaves it with a strategy that keeps the instance, or a person who puts one into service.
    record("w2");
    instance("i-own", "w2", { state });
    expect(await passes({ terminate: true })).toEqual(told);
    expect(terminated).toEqual([]);
  });

  it("is each of several that no record tells apart, and each that lives beside the recorded one", async () => {
    record("w1", "i-1");
    instance("i-1", "w1");
    instance("i-beside", "w1", { state: "stopped" });
    record("w2");
    for (const id of ["i-a", "i-b"]) instance(id, "w2", { state: "stopped" });
    const found = await passes({ terminate: true });
    // One of two may be what a pause left.
    expect(terminated).toEqual(["i-beside"]);
    expect(found.map((finding) => (finding.kind === "orphan" ? finding.instance.id : finding))).toEqual([
      ...["i-beside", "i-a", "i-b"],
    ]);
  });

  it("terminates nothing when the records account for no instance: they may be lost", async () => {
    for (const id of ["i-1", "i-2"]) instance(id, "w1");
    await passes({ terminate: true });
    expect(terminated).toEqual([]);
    expect(reports.at(-1)).toMatchObject({ kind: "not-terminated", why: expect.stringContaining("may be lost") });
  });

  it("terminates only so many in a pass, and goes on after one that will not", async () => {
    instance("i-keep", "w1");
    record("w1", "i-keep");
    for (const id of ["i-protected", "i-1", "i-2", "i-3"]) instance(id, "w1");
    await passes({ terminate: true, terminateAtMost: 3 });
    expect(terminated).toEqual(["i-1", "i-2"]);
    const refused = reports.filter(({ kind }) => kind === "not-terminated");
    expect(refused).toMatchObject([
      { instanceId: "i-3", why: expect.stringContaining("more than 3") },
      { instanceId: "i-protected", why: expect.stringContaining("OperationNotPermitted") },
    ]);
  });
});

describe("a record", () => {
  it("without an instance is told of", async () => {
    record("w1", "i-never");
    record("w2", "i-gone");
    instance("i-gone", "w2", { state: "terminated" });
    record("w3", "i-here");
    instance("i-here", "w3");
    record("busy", "i-other", { busy: true });
    expect(await passes()).toEqual([
      { kind: "missing", instanceId: "i-never", workspaceId: "w1" },
      { kind: "missing", instanceId: "i-gone", workspaceId: "w2" },
    ]);
  });

  it("whose instance lost its tags, or carries another workspace's, is told of", async () => {
    record("w1", "i-bare");
    instance("i-bare", "w1", { tags: {} });
    record("w2", "i-other");
    instance("i-other", "w1");
    expect(await passes({ terminate: true })).toEqual([
      { kind: "not-ours", instanceId: "i-bare", workspaceId: "w1" },
      { kind: "not-ours", instanceId: "i-other", workspaceId: "w2" },
    ]);
    expect(terminated).toEqual([]);
  });
});
