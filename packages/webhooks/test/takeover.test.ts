import { describe, expect, test, vi } from "vitest";
import { justBefore } from "../src/event-pages.ts";
import { createWebhookKeys } from "../src/keys.ts";
import { useSituation } from "./support/situation.ts";

const situation = useSituation({ shards: 3 });
const { registry, name, happen, redis, keys } = situation;

const until = <Result>(look: () => Promise<Result>) => vi.waitFor(look, { timeout: 15_000, interval: 10 });

async function register(url: string): Promise<string> {
  const id = name("hook");
  await registry.put(id, { url, format: "standard", enabled: true });
  return id;
}

describe("any number of processes", () => {
  test("deliver each event once, whatever its shard", async () => {
    const receiver = await situation.receiver();
    await register(receiver.url);
    for (let n = 0; n < 3; n += 1) situation.dispatcher();
    const workspaces = Array.from({ length: 6 }, () => name("ws"));
    await Promise.all(workspaces.map((workspace) => happen(workspace, 4)));
    const received = await receiver.until(24);
    expect(receiver.ids).toHaveLength(24);
    for (const workspace of workspaces) {
      const own = received.filter(({ json }) => json.data.workspace_id === workspace).map(({ json }) => json.data.id);
      expect(own).toEqual((await situation.events(workspace)).map(({ id }) => id).reverse());
    }
    await until(async () => expect((await registry.list())[0]?.delivered).toBe(24));
  });

  test("take over from one that is silent; what it still says is refused", async () => {
    const receiver = await situation.receiver();
    const id = await register(receiver.url);
    const claim = await situation.leases(200).claim(id);
    if (claim.kind !== "claimed") throw new Error(`expected a lease, got ${claim.kind}`);
    await happen("w");
    situation.dispatcher();
    await receiver.until(1);
    const [event] = await situation.events("w");
    expect(await claim.lease.advance(keys.shardOf("w"), event?.id ?? "", { delivered: true })).toBe(false);
    expect(await claim.lease.fail({ streams: [0], error: "x", delayMs: 1, giveUpMs: 1, isGone: false })).toEqual({
      kind: "lost",
    });
    const passed = { stream: 0, cursor: "1-0", events: [], delivered: 0 };
    expect(await claim.lease.setAside(passed)).toBe(false);
    expect(await claim.lease.renew()).toEqual({ kind: "lost" });
  });

  test("take over in a lease's time from one whose lease was taken before the clock was set back", async () => {
    const receiver = await situation.receiver();
    const id = await register(receiver.url);
    await situation.leases(200).claim(id);
    const ahead = String(Date.now() + 3_600_000);
    await redis.hset(createWebhookKeys(situation.prefix).of("webhook", id), "leaseEndsAt", ahead);
    const claim = await situation.leases(200).claim(id);
    expect(claim).toMatchObject({ kind: "busy", leaseEndsInMs: 200 });
  });

  test("go on at once where one that was stopped left off", async () => {
    const receiver = await situation.receiver();
    await register(receiver.url);
    const first = situation.dispatcher();
    await happen("w");
    await receiver.until(1);
    await first.stop();
    await happen("w");
    situation.dispatcher();
    await receiver.until(2);
    expect(receiver.ids).toHaveLength(2);
  });

  test("find a webhook that is registered, changed and removed while they run", async () => {
    situation.dispatcher();
    const receiver = await situation.receiver();
    const other = await situation.receiver();
    const id = await register(receiver.url);
    await happen("w");
    await receiver.until(1);
    await registry.put(id, { url: other.url, format: "standard", enabled: true });
    await happen("w");
    await other.until(1);
    await registry.remove(id);
    await register(receiver.url);
    await happen("w");
    await receiver.until(2);
    expect(other.received).toHaveLength(1);
  });

  test("one that was removed and registered again is another: an old lease writes nothing to it", async () => {
    const receiver = await situation.receiver();
    const id = await register(receiver.url);
    const claim = await situation.leases(60_000).claim(id);
    if (claim.kind !== "claimed") throw new Error(`expected a lease, got ${claim.kind}`);
    await registry.remove(id);
    await registry.put(id, { url: receiver.url, format: "standard", enabled: true });
    expect(await claim.lease.renew()).toEqual({ kind: "lost" });
  });
});

describe("events that were trimmed before they could be delivered", () => {
  test("are told as a gap, once, and the rest follows", async () => {
    const receiver = await situation.receiver();
    await register(receiver.url);
    await happen("w", 5);
    const stream = keys.forShard("events", keys.shardOf("w"));
    await redis.xtrim(stream, "MAXLEN", 2);
    situation.dispatcher();
    const [gap, ...rest] = await receiver.until(3);
    const left = (await situation.events("w")).slice(0, 2).reverse();
    expect(gap?.json).toMatchObject({ type: "WEBHOOK_GAP", data: { resumesAt: left[0]?.id } });
    expect(rest.map(({ json }) => json.data.id)).toEqual(left.map(({ id }) => id));
  });

  test("are no gap when all of them were delivered", async () => {
    const receiver = await situation.receiver();
    const id = await register(receiver.url);
    const first = situation.dispatcher();
    await happen("w", 2);
    await receiver.until(2);
    await until(async () => expect((await registry.get(id))?.delivered).toBe(2));
    await first.stop();
    await happen("w", 2);
    situation.dispatcher();
    await receiver.until(4);
    expect(receiver.received.map(({ json }) => json.type)).not.toContain("WEBHOOK_GAP");
  });
});

test("the id just before another", () => {
  expect(justBefore("5-3")).toBe("5-2");
  expect(justBefore("1795476776331-0")).toBe("1795476776330-18446744073709551615");
});
