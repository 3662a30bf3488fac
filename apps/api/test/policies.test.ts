import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { useApi } from "./support/api.ts";

const OWN_FILE = join(mkdtempSync(join(tmpdir(), "api-policy-")), "policy.yaml");
const write = (text: string) => writeFileSync(OWN_FILE, text);
const BEFORE = `
cooldownMs: 1000
customSources: {git-push: {windowMs: 7}}
workspaces:
  - name: prod
    match: {tags: {tier: prod}}
    profile: settle
    cooldownMs: 3600000
  - match: {runtime: vm}
    sources: {file-write: {windowMs: 99}}
`;
write(BEFORE);
afterAll(() => rmSync(dirname(OWN_FILE), { recursive: true, force: true }));
const api = useApi({ settings: { RESTART_POLICY_FILE: OWN_FILE } });

interface Value {
  value: unknown;
  from: string;
}
interface PolicyBody {
  profile: string;
  override: string | null;
  cooldownMs: Value;
  sources: Record<string, Record<string, Value>>;
  file: { revision: string; rejected: { reason: string } | null };
}
const policyOf = async (id: string) => (await api.ask<PolicyBody>("GET", `/workspaces/${id}/policy`)).json;

describe("GET /workspaces/{id}/policy", () => {
  test("says what counts for a workspace and where each value comes from", async () => {
    const plain = await policyOf(await api.workspace());
    expect(plain).toMatchObject({ profile: "default", override: null });
    expect(plain.cooldownMs).toEqual({ value: 1_000, from: "policy.yaml" });
    expect(plain.sources["git-push"]?.windowMs).toEqual({ value: 7, from: "policy.yaml: customSources" });
    const vm = await policyOf(await api.workspace({ runtime: "vm" }));
    expect(vm.override).toBe("workspaces.1");
    expect(vm.sources["file-write"]?.windowMs).toEqual({ value: 99, from: "policy.yaml: workspaces.1" });
    expect(vm.sources["file-write"]?.maxWaitMs).toEqual({ value: 120_000, from: "profile default" });
  });

  test("follows the registry: a tag that is set counts from the next trigger on", async () => {
    const id = await api.workspace();
    await api.ask("PUT", `/workspaces/${id}`, { body: { tags: { tier: "prod" } } });
    expect(await policyOf(id)).toMatchObject({ override: "workspaces.0 (prod)", profile: "settle" });
    // Under `default` the first write of an idle workspace fires.
    const { json } = await api.trigger(id, { source: "file-write" });
    expect(json).toMatchObject({ decision: "coalesced", rule: "window" });
    await api.trigger(id, { source: "manual" });
    await api.cycle(id);
    const { restart } = await api.state(id);
    const cooldownMs = Date.parse(String(restart.cooldownEndsAt)) - Date.parse(String(restart.lastCycle?.startedAt));
    expect(cooldownMs).toBe(3_600_000);
  });
});

test("a source the file declares is taken, and one that it no longer declares is refused after a reload", async () => {
  const id = await api.workspace();
  expect((await api.trigger(id, { source: "git-push" })).status).toBe(202);
  write("cooldownMs: 2000\n");
  process.kill(process.pid, "SIGHUP");
  await vi.waitFor(async () => expect((await policyOf(id)).cooldownMs.value).toBe(2_000), {
    interval: 10,
    timeout: 10_000,
  });
  expect((await api.trigger(id, { source: "git-push" })).status).toBe(400);

  write("cooldown: 3000\n");
  process.kill(process.pid, "SIGHUP");
  const told = () => policyOf(id).then(({ file }) => file.rejected?.reason);
  await vi.waitFor(async () => expect(await told()).toMatch(/did you mean "cooldownMs"\?/), {
    interval: 10,
    timeout: 10_000,
  });
  expect((await policyOf(id)).cooldownMs.value).toBe(2_000);
  const { text } = await api.ask("GET", "/metrics");
  expect(text).toMatch(/^restart_policy_in_force 0$/m);
  expect(text).toMatch(/^restart_policy_reloads_total\{result="rejected"\} [1-9]/m);
});

describe("GET /workspaces/{id}/policy/shadow", () => {
  const shadowed = useApi({ settings: { RESTART_SHADOW_PROFILE: "settle" } });

  test("is not found, and says what turns it on, where no shadow policy is configured", async () => {
    const { status, json } = await api.ask("GET", `/workspaces/${await api.workspace()}/policy/shadow`);
    expect(status).toBe(404);
    expect(json.detail).toMatch(/RESTART_SHADOW_PROFILE/);
  });

  test("tells what was done, what the other policy would have done, and so do the metrics", async () => {
    const id = await shadowed.workspace();
    const report = async () => (await shadowed.ask<Report>("GET", `/workspaces/${id}/policy/shadow`)).json;
    expect(await report()).toMatchObject({ since: null, triggers: 0, days: [] });
    await shadowed.trigger(id, { source: "file-write" });
    await vi.waitFor(async () => expect((await report()).triggers).toBe(1), { interval: 10, timeout: 10_000 });
    await shadowed.cycle(id);
    await shadowed.trigger(id, { source: "file-write" });
    await vi.waitFor(async () => expect((await report()).triggers).toBe(2), { interval: 10, timeout: 10_000 });
    expect(await report()).toMatchObject({
      differing: 2,
      active: { cycles: 1, decisions: { "fired/window": 1, "coalesced/cooldown": 1 } },
      shadow: { cycles: 0, decisions: { "coalesced/window": 1, "coalesced/pending": 1 }, uncovered: 0 },
    });
    const { text } = await shadowed.ask("GET", "/metrics");
    expect(text).toMatch(/^restart_shadow_triggers_total\{source="file-write",active="fired",shadow="coalesced"\} 1$/m);
  });
});

describe("in quiet hours", () => {
  const MINUTE = 60_000;
  const cronAt = (ms: number) => `${new Date(ms).getUTCMinutes()} ${new Date(ms).getUTCHours()} * * *`;
  const RESTART_POLICY_FILE = join(dirname(OWN_FILE), "quiet.yaml");
  const window = `{from: ${cronAt(Date.now() - 10 * MINUTE)}, until: ${cronAt(Date.now() + 60 * MINUTE)}}`;
  writeFileSync(RESTART_POLICY_FILE, `quietHours: {timeZone: UTC, windows: [${window}], except: [secret-change]}\n`);
  const quiet = useApi({ settings: { RESTART_POLICY_FILE } });

  test("a write waits for their end, which the receipt and the state name; a person does not wait", async () => {
    const id = await quiet.workspace();
    const { json } = await quiet.trigger(id, { source: "file-write" });
    expect(json).toMatchObject({ decision: "coalesced", rule: "quiet-hours" });
    const left = Date.parse(String(json.dueAt)) - Date.now();
    expect(left).toBeGreaterThan(50 * MINUTE);
    expect(left).toBeLessThanOrEqual(60 * MINUTE);
    expect((await quiet.state(id)).restart).toMatchObject({ phase: "scheduled", dueAt: json.dueAt });
    const shown = (await quiet.ask<{ quietHours: Value }>("GET", `/workspaces/${id}/policy`)).json.quietHours;
    expect(shown).toMatchObject({ value: { except: ["secret-change"] }, from: "quiet.yaml" });
    const restart = await quiet.post<{ decision: string }>(id, "restart");
    expect(restart).toMatchObject({ status: 202, json: { decision: "fired" } });
    await quiet.cycle(id);
  });
});

interface Report {
  triggers: number;
}
