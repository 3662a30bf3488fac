import { expect, test, vi } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { POLICIES } from "../src/policy/policy.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();

function coordinatorOn(redis = own.connect()) {
  return {
    coordinator: new RestartCoordinator(new Installation({ redis, prefix: own.prefix })),
    sent: vi.spyOn(redis, "sendCommand"),
  };
}

const scripts = (sent: ReturnType<typeof coordinatorOn>["sent"]) =>
  sent.mock.calls.filter(([{ name }]) => name === "evalsha").length;

async function register(coordinator: RestartCoordinator, name: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => `${name}-${i}`);
  await Promise.all(ids.map((id) => coordinator.registry.register(id, {})));
  return ids;
}

test("triggers of many workspaces that come together share round trips, and each gets its own receipt", async () => {
  const { coordinator, sent } = coordinatorOn();
  const ids = await register(coordinator, "many", 70);
  await coordinator.trigger("many-3", { source: "file-write" });
  const before = scripts(sent);
  const receipts = await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "file-write", reason: id })));
  expect(scripts(sent) - before).toBe(3);
  expect(receipts.map(({ workspaceId }) => workspaceId)).toEqual(ids);
  const decisions = receipts.map(({ decision }) => decision);
  expect(decisions).toEqual(ids.map((id) => (id === "many-3" ? "coalesced" : "fired")));
  expect(new Set(receipts.map(({ triggerId }) => triggerId)).size).toBe(70);
  for (const id of ids) {
    expect((await coordinator.workspace(id))?.restart.why[0]?.reasons).toEqual([id]);
  }
});

test("different sources and policies go apart, and each is judged by its own", async () => {
  const { coordinator } = coordinatorOn();
  const [one, two, three] = (await register(coordinator, "mixed", 3)) as [string, string, string];
  const receipts = await Promise.all([
    coordinator.trigger(one, { source: "file-write" }),
    coordinator.trigger(two, { source: "secret-change" }),
    coordinator.trigger(three, { source: "manual", onHold: "override" }),
    coordinator.trigger("nobody", { source: "file-write" }),
  ]);
  expect(receipts.map(({ decision, rule }) => `${decision}/${rule}`)).toEqual([
    "fired/window",
    "coalesced/window",
    "fired/window",
    "refused/removed",
  ]);
});

test("a policy that the registry's facts choose is put in place for that workspace alone", async () => {
  const { common, overrides } = {
    common: POLICIES.default,
    overrides: [{ name: "quiet", match: { tags: { tier: "quiet" } }, policy: POLICIES.settle }],
  };
  const redis = own.connect();
  const policy = { policies: { common, overrides } };
  const coordinator = new RestartCoordinator(new Installation({ redis, prefix: own.prefix, policy }));
  const ids = ["tagged-0", "tagged-1", "tagged-2", "tagged-3"];
  for (const [i, id] of ids.entries()) {
    await coordinator.registry.register(id, i % 2 === 0 ? { tags: { tier: "quiet" } } : {});
  }
  const receipts = await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "file-write" })));
  expect(receipts.map(({ decision }) => decision)).toEqual(["coalesced", "fired", "coalesced", "fired"]);
});

test("what one call of a batch stumbles over, the others do not notice", async () => {
  const { coordinator } = coordinatorOn();
  const ids = await register(coordinator, "odd", 3);
  await own.redis.set(own.keys.forWorkspace("state", "odd-1"), "not a hash");
  const asked = ids.map((id) => coordinator.trigger(id, { source: "file-write" }));
  const [first, odd, last] = await Promise.allSettled(asked);
  expect([first?.status, last?.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(odd).toMatchObject({ status: "rejected", reason: { name: "ReplyError" } });
  expect(String((odd as PromiseRejectedResult).reason)).toMatch(/WRONGTYPE/);
});

test("a batch that is sent again is answered as at first, and changes nothing", async () => {
  const { coordinator, sent } = coordinatorOn();
  const ids = await register(coordinator, "again", 5);
  await Promise.all(ids.map((id) => coordinator.trigger(id, { source: "file-write" })));
  const [command] = sent.mock.calls.at(-1) ?? [];
  const before = await Promise.all(ids.map((id) => coordinator.workspace(id)));

  const resent = own.redis.call(command?.name ?? "", ...((command?.args ?? []) as string[]));
  const [kind, ...replies] = (await resent) as string[];
  expect(kind).toBe("again");
  expect(replies.map((reply) => reply.split("\t").slice(0, 3))).toEqual(ids.map(() => ["judged", "fired", "window"]));
  expect(await Promise.all(ids.map((id) => coordinator.workspace(id)))).toEqual(before);
});
