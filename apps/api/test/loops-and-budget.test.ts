import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { useApi } from "./support/api.ts";

const directory = mkdtempSync(join(tmpdir(), "api-policy-"));
const file = join(directory, "policy.yaml");
writeFileSync(
  file,
  `
cooldownMs: 0
loop: { cycles: 2, withinMs: 600000 }
workspaces:
  - match: { tags: { budget: small } }
    budget: { cycles: 1 }
`,
);
afterAll(() => rmSync(directory, { recursive: true }));
const api = useApi({ settings: { RESTART_POLICY_FILE: file } });

describe("a loop", () => {
  test("shows in the receipt, the state and the activity, and a restart by hand ends it", async () => {
    const id = await api.workspace();
    const probe = { source: "liveness-offline", reason: "port 80 is closed" };
    for (let i = 0; i < 2; i += 1) {
      expect((await api.trigger(id, probe)).json).toMatchObject({ decision: "fired" });
      await api.cycle(id);
    }
    const { json } = await api.trigger(id, probe);
    expect(json).toMatchObject({ decision: "coalesced", rule: "loop", dueAt: null });
    const evidence = { ...probe, cycles: [expect.any(String), expect.any(String)] };
    expect((await api.state(id)).restart).toMatchObject({ phase: "failed", loop: evidence });
    const [told] = await api.activity(id);
    expect(told).toMatchObject({ event: "WORKSPACE_RESTART_LOOP", payload: evidence });
    const outcome = await api.ask("GET", `/workspaces/${id}/triggers/${json.triggerId}`);
    expect(outcome.json).toMatchObject({ status: "failed", error: expect.stringContaining("loop") });
    expect((await api.post(id, "restart")).status).toBe(202);
    await api.cycle(id);
    expect(await api.state(id)).toMatchObject({ status: "online", restart: { phase: "idle", loop: null } });
  });
});

describe("a budget", () => {
  test("of an override holds the restarts of those it is for, visibly, and none of the others", async () => {
    const small = await api.workspace({ tags: { budget: "small" } });
    const other = await api.workspace();
    for (const id of [small, other]) {
      await api.trigger(id, { source: "startup" });
      await api.cycle(id);
    }
    expect((await api.trigger(other, { source: "startup" })).json).toMatchObject({ decision: "fired" });
    const { json } = await api.trigger(small, { source: "startup" });
    expect(json).toMatchObject({ decision: "coalesced", rule: "budget", dueAt: expect.any(String) });
    expect((await api.state(small)).restart).toMatchObject({ phase: "held", budgetUntil: json.dueAt });
    const [told] = await api.activity(small);
    expect(told).toMatchObject({ event: "WORKSPACE_RESTART_BUDGET_SPENT", payload: { cycles: 1 } });
    const policy = await api.ask("GET", `/workspaces/${small}/policy`);
    expect(policy.json).toMatchObject({ budget: { cycles: { value: 1 } }, loop: { cycles: { value: 2 } } });
    expect((await api.post(small, "flush")).status).toBe(202);
    await api.cycle(small);
  });
});
