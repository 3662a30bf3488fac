/** An event that its receiver never takes does not stand in the way of the others. */
import { describe, expect, test, vi } from "vitest";
import { MOST_SET_ASIDE } from "../src/set-aside.ts";
import type { Received } from "./support/receiver.ts";
import { SETTINGS, useSituation } from "./support/situation.ts";

const situation = useSituation({ shards: 3 });
const { registry, name, happen, redis, keys } = situation;

/** An event is set aside soon; nothing is given up. */
const SOON = { setAsideMs: 60 };

const until = <Result>(look: () => Promise<Result>) => vi.waitFor(look, { timeout: 15_000, interval: 10 });
const idOf = ({ headers }: Received) => String(headers["webhook-id"]);
const subjectOf = ({ json }: Received) => String(json.data.workspace_id);

async function register(url: string, workspaces: readonly string[] | undefined = undefined) {
  const id = name("hook");
  const entry = { url, workspaces, format: "standard", enabled: true } as const;
  await registry.put(id, entry);
  return { id, entry };
}

/** A receiver that never takes what is about one workspace. */
async function picky(refused: string, status = 400) {
  const receiver = await situation.receiver();
  receiver.answer = (received) => (subjectOf(received) === refused ? status : 204);
  return receiver;
}

/** Names of workspaces in one shard, or in different ones. */
function inShards(...shards: readonly number[]): string[] {
  return shards.map((shard) => {
    for (;;) {
      const candidate = name("ws");
      if (keys.shardOf(candidate) === shard) return candidate;
    }
  });
}

describe("an event that is not taken, although others are", () => {
  test("is set aside after a while: it is listed, and those after it go on in their order", async () => {
    const [poison = "", other = ""] = inShards(0, 0);
    const receiver = await picky(poison);
    const { id } = await register(receiver.url);
    const told: number[] = [];
    situation.dispatcher({ ...SOON, onSetAside: (count) => told.push(count) });
    await happen(poison);
    await happen(other, 3);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 3, failure: undefined }));
    const [event] = await situation.events(poison);
    expect(await registry.setAside(id)).toEqual([
      {
        id: `evt_0_${event?.id}`,
        event: "WORKSPACE_HELD",
        workspaceId: poison,
        error: "HTTP 400",
        at: expect.any(Number),
      },
    ]);
    expect((await registry.get(id))?.setAside).toBe(1);
    expect(told).toEqual([1]);
    const others = receiver.received.filter((each) => subjectOf(each) === other).map(({ json }) => json.data.id);
    expect(others).toEqual((await situation.events(other)).map((each) => each.id).reverse());
    expect(receiver.received.filter((each) => subjectOf(each) === poison).length).toBeGreaterThan(1);
  });

  test("also when what is taken is another shard's, and when it is told much later", async () => {
    const [poison = "", other = ""] = inShards(2, 0);
    const receiver = await picky(poison);
    const { id } = await register(receiver.url);
    situation.dispatcher({ ...SOON, giveUpMs: 3_600_000 });
    await happen(poison);
    await receiver.until(4);
    expect(await registry.setAside(id)).toEqual([]);
    await happen(other);
    await until(async () => expect(await registry.setAside(id)).toMatchObject([{ workspaceId: poison }]));
    expect(await registry.get(id)).toMatchObject({ delivered: 1, failure: undefined, disabled: undefined });
  });

  test("also when several follow each other", async () => {
    const [poison = "", other = ""] = inShards(1, 1);
    const receiver = await picky(poison, 500);
    const { id } = await register(receiver.url);
    situation.dispatcher(SOON);
    await happen(poison, 3);
    await happen(other);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 1, setAside: 3 }));
    const bad = (await situation.events(poison)).map((event) => `evt_1_${event.id}`);
    expect((await registry.setAside(id)).map((each) => each.id).sort()).toEqual(bad.sort());
  });

  test("also when it never gets an answer", async () => {
    const [poison = "", other = ""] = inShards(0, 0);
    const receiver = await situation.receiver();
    receiver.answer = (received) => (subjectOf(received) === poison ? undefined : 204);
    const { id } = await register(receiver.url);
    situation.dispatcher({ ...SOON, timeoutMs: 50 });
    await happen(poison);
    await happen(other);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 1, setAside: 1 }));
  });

  test("only among those that are asked for", async () => {
    const [poison = "", unasked = "", other = ""] = inShards(0, 0, 0);
    const receiver = await picky(poison);
    const { id } = await register(receiver.url, [poison, other]);
    situation.dispatcher(SOON);
    await happen(poison);
    await happen(unasked, 120);
    await receiver.until(3);
    expect(await registry.setAside(id)).toEqual([]);
    await happen(other);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 1, setAside: 1 }));
    expect(receiver.received.map(subjectOf)).not.toContain(unasked);
  });

  test("that had disabled the webhook by itself, once it is registered again", async () => {
    const [poison = "", other = ""] = inShards(0, 0);
    const receiver = await picky(poison);
    const { id, entry } = await register(receiver.url);
    situation.dispatcher({ ...SOON, giveUpMs: 200 });
    await happen(poison);
    await until(async () => expect((await registry.get(id))?.disabled?.reason).toMatch(/^given up/));
    await happen(other, 2);
    await registry.put(id, entry);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 2, setAside: 1 }));
  });
});

describe("while nothing is taken nothing is set aside", () => {
  /** A receiver that is away for long, and back from a request on. */
  async function away(isBack: (received: Received, count: number, first: string) => boolean) {
    const [one = "", two = ""] = inShards(0, 1);
    const receiver = await situation.receiver();
    const { id } = await register(receiver.url);
    await happen(one, 4);
    await happen(two, 4);
    const first = (await situation.events(one)).at(-1)?.id ?? "";
    let back = false;
    receiver.answer = (received, count) => {
      back ||= isBack(received, count, first);
      return back ? 204 : 503;
    };
    situation.dispatcher({ setAsideMs: 10, firstRetryMs: 5 });
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 8 }));
    return { receiver, id, workspaces: [one, two] };
  }

  test("once the receiver is back it gets all, in order", async () => {
    const { receiver, id, workspaces } = await away(({ json }, count, first) => count >= 30 && json.data.id === first);
    expect(await registry.get(id)).toMatchObject({ setAside: 0 });
    const taken = receiver.received.slice(-8);
    for (const workspace of workspaces) {
      const own = taken.filter((each) => subjectOf(each) === workspace).map(({ json }) => json.data.id);
      expect(own).toEqual((await situation.events(workspace)).map((each) => each.id).reverse());
    }
  });

  test("also when it comes back between two attempts", async () => {
    const { receiver, id } = await away(({ json }, count, first) => count >= 30 && json.data.id !== first);
    expect(await registry.get(id)).toMatchObject({ setAside: 0 });
    expect(receiver.ids).toHaveLength(8);
  });
});

test("an endpoint that says of a later event that it is gone is believed", async () => {
  const [poison = "", other = ""] = inShards(0, 0);
  const receiver = await situation.receiver();
  receiver.answer = (received) => (subjectOf(received) === poison ? 400 : 410);
  const { id } = await register(receiver.url);
  situation.dispatcher(SOON);
  await happen(poison);
  await happen(other);
  await until(async () => expect((await registry.get(id))?.disabled?.reason).toContain("gone"));
  expect(await registry.setAside(id)).toEqual([]);
});

describe("what was set aside", () => {
  async function setAside() {
    const [poison = "", other = ""] = inShards(0, 0);
    const receiver = await picky(poison);
    const { id } = await register(receiver.url);
    situation.dispatcher(SOON);
    await happen(poison);
    await happen(other);
    await until(async () => expect(await registry.setAside(id)).toHaveLength(1));
    const [aside] = await registry.setAside(id);
    return { receiver, id, eventId: aside?.id ?? "" };
  }

  test("is sent again under its id, and off the list once it is taken", async () => {
    const { receiver, id, eventId } = await setAside();
    expect(await registry.sendAgain(id, eventId, SETTINGS)).toMatchObject({ kind: "not-taken", error: "HTTP 400" });
    expect(await registry.setAside(id)).toHaveLength(1);
    receiver.answer = () => 204;
    expect(await registry.sendAgain(id, eventId, SETTINGS)).toEqual({ kind: "taken", status: 204 });
    expect(idOf(receiver.received.at(-1) as Received)).toBe(eventId);
    expect(await registry.setAside(id)).toEqual([]);
    expect(await registry.sendAgain(id, eventId, SETTINGS)).toBeUndefined();
  });

  test("cannot be sent once the events stream has lost it, but be forgotten", async () => {
    const { id, eventId } = await setAside();
    await redis.xtrim(keys.forShard("events", 0), "MAXLEN", 0);
    expect(await registry.sendAgain(id, eventId, SETTINGS)).toBe("trimmed");
    expect(await registry.forget(id, eventId)).toBe(true);
    expect(await registry.forget(id, eventId)).toBe(false);
  });

  test("is no more than so much, and goes with its webhook", async () => {
    const receiver = await situation.receiver();
    const { id } = await register(receiver.url);
    const claim = await situation.leases(60_000).claim(id);
    if (claim.kind !== "claimed") throw new Error(`expected a lease, got ${claim.kind}`);
    const events = Array.from({ length: MOST_SET_ASIDE + 5 }, (_, n) => ({
      ...{ id: `evt_0_${String(n).padStart(5, "0")}-0`, event: "WORKSPACE_HELD", workspaceId: "w", error: "HTTP 400" },
    }));
    await claim.lease.setAside({ stream: 0, cursor: "1-0", events, delivered: 0 });
    expect(await registry.setAside(id)).toHaveLength(MOST_SET_ASIDE);
    expect((await registry.get(id))?.setAside).toBe(MOST_SET_ASIDE + 5);
    await registry.remove(id);
    expect(await redis.keys(`*:${id}`)).toEqual([]);
  });
});
