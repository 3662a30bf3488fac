/** What a scrape finds before anything happened, and what another scrape leaves of it. */
import { DECISIONS, POLICIES, RULES_OF } from "@restart-coordinator/debounce";
import { expect, test } from "vitest";
import { ApiMetrics } from "../src/metrics/api-metrics.ts";
import { WorkerMetrics } from "../src/metrics/worker-metrics.ts";

const SOURCES = Object.keys(POLICIES.default.sources);

/** The samples of one metric, their labels as they are written. */
async function samplesOf(metrics: ApiMetrics | WorkerMetrics, name: string): Promise<Map<string, number>> {
  const { text } = await metrics.expose();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return new Map(lines.map((line) => [line.slice(name.length, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]));
}

test("every decision on every source is there from the start, at 0", async () => {
  const metrics = new ApiMetrics();
  metrics.knowSources(SOURCES);
  const series = await samplesOf(metrics, "restart_triggers_total");
  expect(series.size).toBe(SOURCES.length * Object.values(RULES_OF).flat().length);
  expect(new Set(series.values())).toEqual(new Set([0]));
  metrics.observer.judged?.({
    ...{ workspaceId: "w", source: "file-write", count: 20, at: 1, claimedUntil: undefined },
    ...{ first: { decision: "fired", rule: "window" }, rest: { decision: "coalesced", rule: "pending" } },
  } as never);
  const counted = await samplesOf(metrics, "restart_triggers_total");
  expect(counted.size).toBe(series.size);
  expect([...counted.values()].filter((value) => value > 0)).toEqual([1, 19]);
});

test("a new policy's sources are, too, and nothing that was counted is lost", async () => {
  const metrics = new ApiMetrics();
  metrics.knowSources(["file-write"]);
  const judged = { source: "file-write", count: 1, first: { decision: "fired", rule: "window" } };
  metrics.observer.judged?.({ ...judged, rest: judged.first } as never);
  metrics.knowSources(["file-write", "deploy"]);
  const series = await samplesOf(metrics, "restart_triggers_total");
  expect(series.get('{source="file-write",decision="fired",rule="window"}')).toBe(1);
  expect(series.get('{source="deploy",decision="fired",rule="window"}')).toBe(0);
});

test("what a shadow policy is compared by is there where there is one", async () => {
  const compared = async (hasShadow: boolean) => {
    const metrics = new ApiMetrics({ hasShadow });
    metrics.knowSources(SOURCES);
    return (await samplesOf(metrics, "restart_shadow_triggers_total")).size;
  };
  expect(await compared(false)).toBe(0);
  expect(await compared(true)).toBe(SOURCES.length * DECISIONS.length ** 2);
});

test("a worker knows its scripts, and the calls to EC2 it is told of", async () => {
  const metrics = new WorkerMetrics();
  metrics.knowEc2Actions(["RunInstances", "DescribeInstances"]);
  const scripts = await samplesOf(metrics, "restart_redis_round_trip_seconds_count");
  expect([...scripts.keys()]).toContain('{script="begin"}');
  const name = "restart_ec2_throttled_total";
  expect([...(await samplesOf(metrics, name)).keys()]).toEqual([
    ...['{action="RunInstances"}', '{action="DescribeInstances"}'],
  ]);
  expect((await samplesOf(metrics, "restart_ec2_wait_seconds_count")).size).toBe(2);
});

test("no figure is one that another scrape empties", async () => {
  const metrics = new WorkerMetrics();
  const { text } = await metrics.expose();
  expect(text.match(/^nodejs_eventloop_lag\w* /gm)).toEqual(["nodejs_eventloop_lag_seconds "]);
});
