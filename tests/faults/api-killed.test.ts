import { describe, expect } from "vitest";
import { test } from "./support/bench.ts";

const TOKEN = "a-token-of-this-test";

describe("race: API death between claim and enqueue", () => {
  test("the claimed window owes its cycle: the sweep finds it, another API coalesces into it", async ({ useBench }) => {
    const bench = useBench();
    await bench.coordinator.registry.register("w", {});
    const api = bench.apiProcess({ API_TOKENS: `ci:trigger:${TOKEN}`, FAULT_AT: "before hint" });
    const { url } = await api.logged(/listening/);
    const answer = fetch(`${url}/workspaces/w/triggers`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ source: "file-write", reason: "the only change" }),
    });
    await expect(answer).rejects.toThrow();
    expect(await api.ended).toBe("SIGKILL");
    expect(await bench.hints.queues[0]?.getJobCounts("wait", "active", "delayed")).toMatchObject({
      wait: 0,
      delayed: 0,
    });

    // The caller that got no answer asks again, of another replica: the decision is the dead one's to have made.
    const again = await bench.coordinator.trigger("w", { source: "file-write", reason: "asked again" });
    expect(again).toMatchObject({ decision: "coalesced", rule: "pending" });
    await bench.worker();
    const { lastCycle } = await bench.settled("w");
    expect(lastCycle?.covers?.[0]).toMatchObject({ source: "file-write", count: 2 });
    expect(await bench.events("w", "WORKSPACE_AUTO_RESTART_FIRED")).toHaveLength(1);
  });
});
