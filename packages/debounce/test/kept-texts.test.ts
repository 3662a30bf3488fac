/** Reasons and actors of operators and triggers, as they are kept and told. */

import { expect, test } from "vitest";
import { RestartCoordinator } from "../src/coordinator.ts";
import { Installation } from "../src/installation/installation.ts";
import { useRedis } from "./support/redis.ts";

const own = useRedis();
const coordinator = new RestartCoordinator(new Installation({ redis: own.redis, prefix: own.prefix }));
const { registry, verbs } = coordinator;
let made = 0;

async function workspace(): Promise<string> {
  made += 1;
  await registry.register(`w${made}`, {});
  return `w${made}`;
}

const VERBS: Readonly<Record<string, (id: string, by: { actor: string; reason?: string }) => Promise<unknown>>> = {
  pause: (id, by) => registry.desire(id, "paused", by),
  hold: (id, by) => verbs.hold(id, { ...by, holdMs: 1_000 }),
  cancel: (id, by) => verbs.cancel(id, by),
};

test.each(Object.keys(VERBS))("%s keeps 200 bytes of its reason and its actor", async (name) => {
  const id = await workspace();
  await coordinator.trigger(id, { source: "secret-change" });
  await VERBS[name]?.(id, { actor: "ä".repeat(500), reason: `two\nlines ${"ä".repeat(500)}` });
  const [told] = await coordinator.activity(id);
  const { actor, reason } = told?.payload ?? {};
  for (const text of [actor, reason].map(String)) {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(200);
    expect(Buffer.byteLength(text)).toBeGreaterThan(195);
  }
  expect(reason).toMatch(/^two lines ä+…$/);
});

test.each(Object.keys(VERBS))("%s without a reason tells none", async (name) => {
  const id = await workspace();
  await coordinator.trigger(id, { source: "secret-change" });
  await VERBS[name]?.(id, { actor: "ann" });
  const [told] = await coordinator.activity(id);
  expect(told?.payload).toMatchObject({ actor: "ann" });
  expect(told?.payload).not.toHaveProperty("reason");
});

test("half of a character in a reason or an actor fails no trigger, alone or in a batch", async () => {
  const id = await workspace();
  const half = "\ud83d";
  const asked = [`a${half}`, "whole 😀", `${half}b`].map((reason) =>
    coordinator.trigger(id, { source: "secret-change", reason, actor: half }),
  );
  for (const receipt of await Promise.all(asked)) expect(receipt.decision).toBe("coalesced");
  const [why] = (await coordinator.workspace(id))?.restart.why ?? [];
  expect([...(why?.reasons ?? [])].sort()).toEqual(["a\ufffd", "whole 😀", "\ufffdb"].sort());
  await verbs.cancel(id, { actor: "ann", reason: half });
  expect((await coordinator.activity(id))[0]?.payload).toMatchObject({ reason: "\ufffd" });
});
