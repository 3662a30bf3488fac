import { Rollouts } from "@restart-coordinator/fleet";
import { describe, expect } from "vitest";
import { test } from "../faults/support/bench.ts";
import { startCluster } from "../faults/support/cluster.ts";
import { eventually } from "../faults/support/eventually.ts";
import { serverBinary } from "../faults/support/local-servers.ts";
import { mostAtOnce } from "./ledger.ts";

const TOKEN = "a-token-of-this-test";
const IDS = Array.from({ length: 16 }, (_, n) => `w${n}`);

describe.skipIf(serverBinary === undefined)("on a Redis Cluster of three nodes, with SHARDS = 4", () => {
  test("a rollout over HTTP restarts workspaces of all nodes under a cap, and the feed tells its end", async ({
    useBench,
  }) => {
    const cluster = await startCluster();
    const bench = useBench({ url: cluster.url, shards: 4 });
    await bench.worker({ RESTART_MAX_RUNNING: "2" });
    const api = bench.apiProcess({ API_TOKENS: `ci:operate:${TOKEN}` });
    const { url } = await api.logged(/listening/);
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    await Promise.all(IDS.map((id) => bench.coordinator.registry.register(id, {})));
    await eventually("the API reaches the Cluster", async () => (await fetch(`${url}/readyz`)).ok);
    const feed = await fetch(`${url}/events?event=ROLLOUT_FINISHED`, { headers });

    const body = JSON.stringify({ selector: { all: true }, maxConcurrent: 8 });
    const made = await fetch(`${url}/rollouts`, { method: "POST", headers, body });
    const { id } = (await made.json()) as { id: string };
    const rollouts = new Rollouts(bench.coordinator.installation);
    const ended = await eventually("the rollout is finished", async () => {
      const rollout = await rollouts.get(id);
      return rollout?.state === "finished" && rollout;
    });
    expect(ended.counts).toMatchObject({ total: IDS.length, done: IDS.length });
    expect(mostAtOnce(await bench.ledger.entries())).toBeLessThanOrEqual(2);

    let told = "";
    for await (const piece of feed.body ?? []) {
      told += Buffer.from(piece).toString();
      if (told.includes(id)) break;
    }
    expect(told).toContain("event: ROLLOUT_FINISHED");
  });
});
