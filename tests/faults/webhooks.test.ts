/** Deliveries to webhooks while workers die. */
import { WebhookRegistry } from "@restart-coordinator/webhooks";
import { describe, expect, onTestFinished } from "vitest";
import { Receiver, verify } from "../../packages/webhooks/test/support/receiver.ts";
import { type Bench, test } from "./support/bench.ts";
import { eventually } from "./support/eventually.ts";

const DELIVERING = {
  WEBHOOK_ALLOW_PRIVATE: "true",
  WEBHOOK_TIMEOUT_MS: "2000",
  WEBHOOK_RETRY_MS: "20",
  RESTART_LEASE_MS: "1000",
};

async function useWebhook(bench: Bench) {
  const receiver = await Receiver.listen();
  onTestFinished(() => receiver.close());
  const { prefix, coordinator } = bench;
  const streams = [coordinator.installation.keys.forShard("events", 0), `{${prefix}:fleet}:events`];
  const registry = new WebhookRegistry(bench.coordinator.installation, { streams });
  const result = await registry.put("hook", { url: receiver.url, format: "standard", enabled: true });
  return { receiver, secret: result.kind === "created" ? result.secret : "" };
}

describe.concurrent("a worker that delivers is killed", () => {
  test("while the endpoint thinks: another worker delivers the same event again, and all that follow", async ({
    useBench,
  }) => {
    const bench = useBench();
    const { receiver, secret } = await useWebhook(bench);
    receiver.answer = (_, count) => (count === 1 ? undefined : 204);
    const victim = bench.workerProcess(DELIVERING);
    await bench.coordinator.registry.register("w", {});
    await bench.coordinator.verbs.hold("w", { holdMs: 60_000, actor: "ops" });
    await receiver.until(1);
    victim.kill("SIGKILL");
    await bench.coordinator.verbs.release("w", { actor: "ops" });
    await bench.coordinator.trigger("w", { source: "manual" });
    await bench.worker(DELIVERING);
    await bench.settled("w");

    const events = (await bench.coordinator.activity("w")).reverse();
    expect(events.length).toBeGreaterThan(3);
    const received = await receiver.until(events.length + 1);
    expect(received[1]?.headers["webhook-id"]).toBe(received[0]?.headers["webhook-id"]);
    expect(received.slice(1).map(({ json }) => json.data.id)).toEqual(events.map(({ id }) => id));
    for (const each of received) verify(secret, each);
  });

  test("again and again: no event is missing, and repetitions carry the id of what they repeat", async ({
    useBench,
  }) => {
    const bench = useBench();
    const { receiver } = await useWebhook(bench);
    await bench.coordinator.registry.register("w", {});
    for (let round = 0; round < 3; round += 1) {
      const before = receiver.received.length;
      const victim = bench.workerProcess(DELIVERING);
      for (let n = 0; n < 5; n += 1) await bench.coordinator.verbs.hold("w", { holdMs: 60_000, actor: "ops" });
      // In the middle of them.
      await receiver.until(before + 2);
      victim.kill("SIGKILL");
      await victim.ended;
    }
    await bench.worker(DELIVERING);
    const events = (await bench.coordinator.activity("w")).reverse();
    await eventually("all events have come", () => receiver.ids.length >= events.length);
    expect(receiver.ids).toEqual(events.map(({ id }) => `evt_0_${id}`));
  });
});
