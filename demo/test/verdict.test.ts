import { describe, expect, it } from "vitest";
import type { AgentRun } from "../src/agent-record.ts";
import type { CycleFact, Facts, WriteFact } from "../src/facts.ts";
import { scaledPolicy } from "../src/scaled-policy.ts";
import { judge } from "../src/verdict.ts";

const SPEED = 10;
const WORKSPACE = "seo-agent";

/** A write of a Save: content `v<number>`, acknowledged 5 ms after it was sent. */
function write(number: number, detail: string, sentAt: number, generation: number, decision = "coalesced"): WriteFact {
  return {
    ...{ number, detail, sentAt, workspace: WORKSPACE, source: "file-write", isProbe: false, sha256: `v${number}` },
    ...{ ackedAt: sentAt + 5, failure: undefined, attempts: 1, replica: "api-1" },
    receipt: { decision, rule: "window", generation },
  };
}

function cycle(id: string, startedAt: number, generation: number): CycleFact {
  return { workspace: WORKSPACE, id, generation, attempts: 1, startedAt, endedAt: startedAt + 3_000, outcome: "ok" };
}

function run(pid: number, cycleId: string, startedAt: number, files: Record<string, string>): AgentRun {
  return {
    ...{ workspace: WORKSPACE, runner: `process ${pid}`, cycleId, startedAt, files, aliveAtStart: [] },
    ...{ loadedAt: startedAt + 10, readyAt: startedAt + 2_900, exitedAt: undefined },
  };
}

/** What a good run looks like: a Save of three writes, two cycles. */
const GOOD: Facts = {
  profile: "default",
  policy: scaledPolicy("default", SPEED),
  speed: SPEED,
  writes: [write(1, "a.md", 0, 10, "fired"), write(2, "b.md", 1_000, 20), write(3, "a.md", 2_000, 30)],
  cycles: [cycle("c1", 2, 10), cycle("c2", 8_000, 30)],
  agentRuns: [
    { ...run(101, "c1", 50, { "a.md": "v1" }), exitedAt: 8_020 },
    run(102, "c2", 8_050, { "a.md": "v3", "b.md": "v2" }),
  ],
  served: { [WORKSPACE]: { "a.md": "v3", "b.md": "v2" } },
  stillOwed: [],
};

function withWrite(number: number, change: Partial<WriteFact>): Facts {
  return { ...GOOD, writes: GOOD.writes.map((each) => (each.number === number ? { ...each, ...change } : each)) };
}

function broken(facts: Facts): readonly string[] {
  return judge(facts).brokenPromises;
}

describe("the verdict on a good run", () => {
  it("finds nothing broken, and which cycle covers what", () => {
    const verdict = judge(GOOD);
    expect(verdict.brokenPromises).toEqual([]);
    expect([...verdict.coveredBy].map(([number, { id }]) => [number, id])).toEqual([
      [1, "c1"],
      [2, "c2"],
      [3, "c2"],
    ]);
    expect(verdict.saves.map(({ writes, cycles }) => [writes.length, cycles.length])).toEqual([[3, 2]]);
  });

  it("does not count attempts as cycles", () => {
    expect(broken({ ...GOOD, cycles: GOOD.cycles.map((each) => ({ ...each, attempts: 4 })) })).toEqual([]);
  });

  it("takes a retried write whose first try was recorded for what it is", () => {
    expect(broken(withWrite(2, { attempts: 2, replica: "api-3" }))).toEqual([]);
  });

  it("lets a process of another attempt at the same cycle fail before it serves", () => {
    const failedStart = { ...run(100, "c1", 20, { "a.md": "v1" }), readyAt: undefined, exitedAt: 40 };
    expect(broken({ ...GOOD, agentRuns: [failedStart, ...GOOD.agentRuns] })).toEqual([]);
  });
});

describe("the verdict on a lost write", () => {
  const agentRuns = [GOOD.agentRuns[0] as AgentRun, run(102, "c2", 8_050, { "a.md": "v1", "b.md": "v2" })];
  const lost: Facts = { ...GOOD, agentRuns, served: { [WORKSPACE]: { "a.md": "v1", "b.md": "v2" } } };

  it.each(["default", "settle"] as const)("breaks a promise under %s, whatever the record says", (profile) => {
    expect(broken({ ...lost, profile })).toEqual([
      "write 3 (a.md) is uncovered: no process that came to serve has loaded it",
      "seo-agent/a.md: the workspace does not serve its last content",
    ]);
  });

  it("is what seed is known for when the write was dropped", () => {
    const dropped = { decision: "dropped", rule: "window", generation: 20 };
    const writes = lost.writes.map((each) => (each.number === 3 ? { ...each, receipt: dropped } : each));
    const verdict = judge({ ...lost, profile: "seed", writes });
    expect(verdict.brokenPromises).toEqual([]);
    expect(verdict.uncovered.map(({ number }) => number)).toEqual([3]);
    expect(verdict.stale).toEqual(["seo-agent/a.md"]);
  });

  it("breaks a promise under seed, too, when its receipt said that it will be covered", () => {
    expect(broken({ ...lost, profile: "seed" })).toContainEqual(expect.stringContaining("write 3 (a.md) is uncovered"));
  });

  it("is not made good by a process that never came to serve", () => {
    const unready = { ...(GOOD.agentRuns[1] as AgentRun), readyAt: undefined };
    const found = broken({ ...GOOD, agentRuns: [GOOD.agentRuns[0] as AgentRun, unready] });
    expect(found).toContainEqual(expect.stringContaining("write 2 (b.md) is uncovered"));
    expect(found).toContain("cycle c2 is recorded as ok, but no process of it came to serve");
  });

  it("shows in the record alone, too", () => {
    const cycles = GOOD.cycles.map((each) => (each.id === "c2" ? { ...each, outcome: "failed" } : each));
    expect(broken({ ...GOOD, cycles })).toContain(
      "write 2 (b.md) was coalesced, but no good cycle on record covers it",
    );
  });

  it("of a secret is seen by when the processes started", () => {
    const secret = { source: "secret-change", detail: "API_KEY", sha256: undefined } as const;
    expect(broken(withWrite(2, secret))).toEqual([]);
    const late = withWrite(2, { ...secret, sentAt: 8_060, ackedAt: 8_070 });
    expect(broken(late)).toContainEqual(expect.stringContaining("write 2 (secret-change: API_KEY) is uncovered"));
  });

  it("of a dropped secret is seen even when the process of the cycle before it started late", () => {
    const dropped = { decision: "dropped", rule: "cooldown", generation: 30 };
    const secret = { source: "secret-change", detail: "API_KEY", sha256: undefined, receipt: dropped } as const;
    const verdict = judge({ ...withWrite(2, { ...secret, sentAt: 8_020, ackedAt: 8_030 }), profile: "seed" });
    expect(verdict.uncovered.map(({ number }) => number)).toEqual([2]);
  });

  it("is no loss when it is a probe", () => {
    const probe = { source: "a2a-preflight", isProbe: true, sha256: undefined, sentAt: 9_000, ackedAt: 9_005 } as const;
    expect(
      broken(withWrite(2, { ...probe, receipt: { decision: "dropped", rule: "running", generation: 30 } })),
    ).toEqual([]);
  });
});

describe("the verdict on what a Save costs", () => {
  it("is broken by a third cycle that covers one of its writes", () => {
    const cycles = [cycle("c1", 2, 10), cycle("c2", 8_000, 20), cycle("c3", 16_000, 30)];
    const third = run(103, "c3", 16_050, { "a.md": "v3", "b.md": "v2" });
    const second = { ...(GOOD.agentRuns[1] as AgentRun), exitedAt: 16_020 };
    const facts = { ...GOOD, cycles, agentRuns: [GOOD.agentRuns[0] as AgentRun, second, third] };
    expect(broken(facts)).toEqual(["one Save of seo-agent (3 writes) cost 3 cycles: c1, c2, c3"]);
  });

  it("is broken by a third cycle that covers nothing", () => {
    const cycles = [...GOOD.cycles, { ...cycle("c3", 16_000, 40), outcome: "failed" }];
    expect(broken({ ...GOOD, cycles })).toEqual(["one Save of seo-agent (3 writes) cost 3 cycles: c1, c2, c3"]);
  });

  it("counts writes further apart than the window as Saves of their own", () => {
    const far = GOOD.writes.map((each) => ({ ...each, sentAt: each.sentAt * 1.6, ackedAt: each.sentAt * 1.6 + 5 }));
    expect(judge({ ...GOOD, writes: far }).saves).toHaveLength(3);
  });
});

describe("the verdict on what happened at once", () => {
  it("is broken by cycles that overlap", () => {
    const cycles = GOOD.cycles.map((each) => (each.id === "c1" ? { ...each, endedAt: 8_001 } : each));
    expect(judge({ ...GOOD, cycles }).overlaps).toEqual(["two cycles of seo-agent overlap: c1 and c2"]);
    expect(broken({ ...GOOD, cycles })).toHaveLength(1);
  });

  it("is broken by a process that saw another one alive", () => {
    const agentRuns = GOOD.agentRuns.map((each) =>
      each.runner === "process 102" ? { ...each, aliveAtStart: ["process 101"] } : each,
    );
    expect(broken({ ...GOOD, agentRuns })).toEqual([
      "two of seo-agent were alive at once: process 101 and process 102",
    ]);
  });

  it("is broken by a process that ended after the next one had started", () => {
    const agentRuns = GOOD.agentRuns.map((each) =>
      each.runner === "process 101" ? { ...each, exitedAt: 8_051 } : each,
    );
    expect(broken({ ...GOOD, agentRuns })).toEqual([
      "two of seo-agent were alive at once: process 101 and process 102",
    ]);
  });

  it("leaves workspaces to themselves", () => {
    const other = { ...run(201, "d1", 100, {}), workspace: "other", aliveAtStart: [] };
    const cycles = [...GOOD.cycles, { ...cycle("d1", 60, 50), workspace: "other" }];
    expect(broken({ ...GOOD, cycles, agentRuns: [...GOOD.agentRuns, other] })).toEqual([]);
  });

  it("is broken by cycles that begin within the cooldown, unless a person asked", () => {
    const cycles = [cycle("c1", 2, 10), cycle("c2", 5_900, 30)];
    const manual = { source: "manual", detail: "please", sha256: undefined } as const;
    expect(
      broken({
        ...withWrite(2, { ...manual, receipt: { decision: "fired", rule: "window", generation: 30 } }),
        cycles,
      }),
    ).toEqual([]);
    expect(broken({ ...GOOD, cycles })).toEqual([
      "cycles c1 and c2 of seo-agent began 5898 ms apart, within the cooldown of 6000 ms",
    ]);
  });
});

describe("the verdict on the rest", () => {
  it("is broken by a write that failed", () => {
    const failure = "api-2 answered 500: oops";
    const facts = withWrite(2, { ackedAt: undefined, receipt: undefined, failure });
    expect(judge(facts).failed).toHaveLength(1);
    expect(broken(facts)).toEqual(["write 2 (b.md) failed: api-2 answered 500: oops"]);
  });

  it("is broken by a workspace that does not answer at the end", () => {
    expect(broken({ ...GOOD, served: { [WORKSPACE]: undefined } })).toEqual([
      "seo-agent/b.md: the workspace does not serve its last content",
      "seo-agent/a.md: the workspace does not serve its last content",
    ]);
  });

  it("takes what a later, failed write left on disk for as good as the last acknowledged content", () => {
    const last = { ...write(4, "b.md", 2_500, 40), ackedAt: undefined, receipt: undefined, failure: "no answer" };
    const facts = { ...GOOD, writes: [...GOOD.writes, last], served: { [WORKSPACE]: { "a.md": "v3", "b.md": "v4" } } };
    expect(judge(facts).stale).toEqual([]);
  });

  it("is broken by a restart that is still owed", () => {
    expect(broken({ ...GOOD, stillOwed: ["seo-agent (backoff)"] })).toEqual([
      "seo-agent (backoff) was still owed a restart when the demo stopped waiting",
    ]);
  });

  it("is broken by a process that no cycle on record started", () => {
    const stray = { ...run(103, "c9", 20_000, {}), aliveAtStart: [] };
    expect(broken({ ...GOOD, agentRuns: [...GOOD.agentRuns, stray] })).toEqual([
      "process 103 was started by cycle c9, which is not on record",
    ]);
  });
});

describe("with instances", () => {
  const instance = (id: string, isLive: boolean) => ({ workspace: WORKSPACE, id, isLive });

  it("holds when one lives and every cycle brought a new one", () => {
    expect(broken({ ...GOOD, instances: [instance("i-1", false), instance("i-2", true)] })).toEqual([]);
  });

  it("is broken when two live, or none", () => {
    const both = [instance("i-1", true), instance("i-2", true)];
    expect(broken({ ...GOOD, instances: both })).toEqual([`${WORKSPACE} has 2 live instances: i-1, i-2`]);
    expect(broken({ ...GOOD, instances: [instance("i-1", false)] })).toEqual([`${WORKSPACE} has 0 live instances: `]);
  });

  it("is broken when a cycle left the old one in place", () => {
    const agentRuns = GOOD.agentRuns.map((each) => ({ ...each, runner: "instance i-1" }));
    expect(broken({ ...GOOD, agentRuns, instances: [instance("i-1", true)] })).toContain(
      "2 good cycles brought only 1 instances",
    );
  });
});
