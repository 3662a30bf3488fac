import { toldEvent } from "@restart-coordinator/debounce";
import { describe, expect, test, vi } from "vitest";
import { verify } from "./support/receiver.ts";
import { useSituation } from "./support/situation.ts";

const situation = useSituation();
const { registry, name, happen } = situation;

/** Registers a webhook for a fresh workspace alone; the answer is its secret. */
async function register(url: string, more: Partial<Parameters<typeof registry.put>[1]> = {}) {
  const id = name("hook");
  const workspace = name("ws");
  const entry = { url, workspaces: [workspace], format: "standard", enabled: true, ...more } as const;
  const result = await registry.put(id, entry);
  if (result.kind !== "created") throw new Error(`expected a new webhook, it is ${result.kind}`);
  return { id, workspace, secret: result.secret, entry };
}

const until = <Result>(look: () => Promise<Result>) => vi.waitFor(look, { timeout: 15_000, interval: 10 });

describe("what is delivered", () => {
  test("every event after the registration, in order, signed by the Standard Webhooks library", async () => {
    const receiver = await situation.receiver();
    const { workspace, secret, id } = await register(receiver.url);
    situation.dispatcher();
    await happen(workspace, 3);
    const received = await receiver.until(3);
    const told = (await situation.events(workspace)).reverse();
    expect(received.map((each) => verify(secret, each))).toEqual(
      told.map((event) => ({
        type: "WORKSPACE_HELD",
        timestamp: new Date(event.timestamp).toISOString(),
        data: toldEvent(event),
      })),
    );
    expect(() => verify(`whsec_${Buffer.alloc(32).toString("base64")}`, received[0] as never)).toThrow();
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 3, failure: undefined }));
  });

  test("only the events and workspaces that were asked for", async () => {
    const receiver = await situation.receiver();
    const { workspace } = await register(receiver.url, { events: ["WORKSPACE_RELEASED"] });
    situation.dispatcher();
    const other = name("other");
    await happen(other);
    await situation.release(other);
    await happen(workspace, 2);
    await situation.release(workspace);
    const [only] = await receiver.until(1);
    expect(only?.json).toMatchObject({ type: "WORKSPACE_RELEASED", data: { workspace_id: workspace } });
  });

  test("a line of text in the Slack format, in which nobody else's words link or mention", async () => {
    const receiver = await situation.receiver();
    const { workspace } = await register(receiver.url, { format: "slack" });
    situation.dispatcher();
    await happen(workspace);
    await situation.hold(workspace, "<!channel> & <https://example.com|free>");
    const received = await receiver.until(2);
    expect(received.map(({ body }) => JSON.parse(body))).toEqual([
      { text: `*${workspace}* is held by ops` },
      { text: `*${workspace}* is held by ops: &lt;!channel&gt; &amp; &lt;https://example.com|free&gt;` },
    ]);
  });

  test("what is told of rollouts, too", async () => {
    const receiver = await situation.receiver();
    await register(receiver.url, { workspaces: undefined, format: "slack", events: ["ROLLOUT_STARTED"] });
    situation.dispatcher();
    await happen(name("ws"));
    await situation.rolloutEvent("ROLLOUT_STARTED", { rollout: "r-1", state: "running", total: 6, done: 0 });
    const [received] = await receiver.until(1);
    expect(JSON.parse(received?.body ?? "").text).toBe("*rollout r-1* started: 0 of 6 done");
  });

  test("nothing is asked of Redis while no webhook is registered: one connection waits", async () => {
    situation.dispatcher();
    const waiting = async () => {
      const clients = String(await situation.redis.client("LIST")).split("\n");
      return clients.filter((line) => line.includes(`name=${situation.prefix}-`));
    };
    const blocked = await until(async () => {
      const clients = await waiting();
      const watching = clients.filter((line) => /flags=\w*b/.test(line));
      expect(watching).toHaveLength(1);
      return clients;
    });
    expect(blocked).toHaveLength(2);
    const commands = (lines: string[]) => lines.map((line) => /tot-cmds=(\d+)/.exec(line)?.[1]);
    const before = commands(await waiting());
    await happen(name("ws"), 20);
    expect(commands(await waiting())).toEqual(before);
  });
});

describe("an endpoint that does not take an event", () => {
  test("gets it again, under the same id, before any later one", async () => {
    const receiver = await situation.receiver();
    receiver.answer = (_, count) => (count <= 3 ? 500 : 204);
    const { workspace, secret } = await register(receiver.url);
    situation.dispatcher();
    await happen(workspace, 2);
    const received = await receiver.until(5);
    const ids = received.map(({ headers }) => headers["webhook-id"]);
    expect(new Set(ids.slice(0, 4)).size).toBe(1);
    expect(ids[4]).not.toBe(ids[0]);
    for (const each of received) verify(secret, each);
  });

  test("is disabled after long enough, says why, and goes on where it stood once it is registered again", async () => {
    const receiver = await situation.receiver();
    receiver.answer = () => 500;
    const { workspace, id, entry } = await register(receiver.url);
    situation.dispatcher({ giveUpMs: 25 });
    await happen(workspace);
    await until(async () => {
      expect((await registry.get(id))?.disabled?.reason).toMatch(/^given up after \d+ attempts: HTTP 500$/);
    });
    const failed = receiver.received.length;
    receiver.answer = () => 204;
    expect(await registry.put(id, entry)).toEqual({ kind: "updated" });
    await receiver.until(failed + 1);
    expect(receiver.ids).toHaveLength(1);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 1, disabled: undefined }));
  });

  test("is counted by how it fares; one that a person has turned off was not given up", async () => {
    const receiver = await situation.receiver();
    receiver.answer = ({ json }) => (json.data.workspace_id === "bad" ? 500 : 410);
    const gone = await register(receiver.url);
    const failing = await register(receiver.url, { workspaces: ["bad"] });
    await register(receiver.url);
    await register(receiver.url, { enabled: false });
    situation.dispatcher();
    await happen(gone.workspace);
    await happen("bad");
    await until(async () => {
      expect(await registry.census()).toEqual({ active: 1, failing: 1, disabled: 1, off: 1 });
    });
    expect((await registry.get(failing.id))?.failure).toBeDefined();
  });

  test("is disabled at once when it says that it is gone", async () => {
    const receiver = await situation.receiver();
    receiver.answer = () => 410;
    const { workspace, id } = await register(receiver.url);
    situation.dispatcher();
    await happen(workspace, 2);
    await until(async () => {
      expect((await registry.get(id))?.disabled?.reason).toBe("the endpoint says that it is gone: HTTP 410");
    });
    expect(receiver.received).toHaveLength(1);
  });

  test("does not hold up another", async () => {
    const slow = await situation.receiver();
    slow.answer = () => undefined;
    const { workspace } = await register(slow.url);
    const quick = await situation.receiver();
    await register(quick.url, { workspaces: [workspace] });
    situation.dispatcher();
    await happen(workspace, 5);
    await quick.until(5);
    expect(slow.received.length).toBeLessThanOrEqual(1);
    slow.close();
  });

  test.each<[string, string, (now: number) => Record<string, string>]>([
    ["in seconds", "1800 s", () => ({ "retry-after": "1800" })],
    ["as a date", "1800 s", (now) => ({ "retry-after": new Date(now + 1_800_000).toUTCString() })],
    [
      "as a date by a clock that is two hours slow",
      "1800 s",
      (now) => ({
        date: new Date(now - 7_200_000).toUTCString(),
        "retry-after": new Date(now - 7_200_000 + 1_800_000).toUTCString(),
      }),
    ],
    ["for longer than an hour", "3600 s", () => ({ "retry-after": "7200" })],
  ])("is asked again no sooner than it asks for, %s", async (_, expected, headers) => {
    const receiver = await situation.receiver();
    receiver.answer = () => [503, headers(Date.now())];
    const { workspace, id } = await register(receiver.url);
    situation.dispatcher({ giveUpMs: 86_400_000 });
    await happen(workspace);
    await until(async () => {
      const { since = 0, retryAt = 0 } = (await registry.get(id))?.failure ?? {};
      // To the second, as HTTP dates are.
      expect(`${Math.ceil((retryAt - since) / 1_000 / 2) * 2} s`).toBe(expected);
    });
    expect(receiver.received).toHaveLength(1);
  });

  test.each(["soon", "", "-5", "Wed, 99 Foo"])("and asks for nothing with %j", async (asked) => {
    const receiver = await situation.receiver();
    receiver.answer = (_, count) => (count === 1 ? [503, { "retry-after": asked }] : 204);
    const { workspace } = await register(receiver.url);
    situation.dispatcher();
    await happen(workspace);
    await receiver.until(2);
  });

  test("that never answers is cut off in time, and asked again", async () => {
    const receiver = await situation.receiver();
    receiver.answer = (_, count) => (count === 1 ? undefined : 204);
    const { workspace, id } = await register(receiver.url);
    situation.dispatcher({ timeoutMs: 100 });
    await happen(workspace);
    await receiver.until(2);
    expect(receiver.ids).toHaveLength(1);
    await until(async () => expect(await registry.get(id)).toMatchObject({ delivered: 1 }));
  });

  test("leads nowhere else: a redirect is not followed", async () => {
    const receiver = await situation.receiver();
    receiver.answer = ({ path }) => (path === "/hook" ? [307, { location: "/elsewhere" }] : 204);
    const { workspace, id } = await register(receiver.url);
    situation.dispatcher({ giveUpMs: 1 });
    await happen(workspace);
    await until(async () => expect((await registry.get(id))?.disabled?.reason).toContain("HTTP 307"));
    expect(receiver.received.map(({ path }) => path)).not.toContain("/elsewhere");
  });
});

describe("private addresses", () => {
  test.each(["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"])(
    "%s is not connected to unless that is allowed",
    async (host) => {
      const receiver = await situation.receiver();
      const { workspace, id } = await register(`http://${host}:${receiver.port}/hook`);
      situation.dispatcher({ allowPrivate: false, giveUpMs: 1 });
      await happen(workspace);
      await until(async () => {
        expect((await registry.get(id))?.disabled?.reason).toContain("the address is private");
      });
      expect(receiver.received).toEqual([]);
    },
  );
});
