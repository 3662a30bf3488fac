import { describe, expect, test } from "vitest";
import { API_TOKENS, TOKENS, useApi } from "./support/api.ts";

const TOKEN = "alertmanager-token-0123456789";
const api = useApi({ settings: { API_TOKENS: `${API_TOKENS},alertmanager:alerts:${TOKEN}` } });

interface Alert {
  readonly status?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly fingerprint?: string;
}

let made = 0;
/** What Alertmanager posts for one group, with these alerts in it. */
function message(...alerts: readonly Alert[]) {
  return {
    receiver: "restarts",
    status: alerts.some(({ status = "firing" }) => status === "firing") ? "firing" : "resolved",
    alerts: alerts.map((alert) => ({
      status: "firing",
      annotations: {},
      startsAt: "2026-11-28T05:20:11.123456789Z",
      endsAt: "0001-01-01T00:00:00Z",
      generatorURL: "http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
      fingerprint: "c6eadffa33fcdf37",
      ...alert,
      labels: { alertname: "DatabaseMigration", severity: "page", ...alert.labels },
    })),
    groupLabels: { alertname: "DatabaseMigration" },
    commonLabels: { alertname: "DatabaseMigration", severity: "page" },
    commonAnnotations: {},
    externalURL: "http://alertmanager:9093",
    version: "4",
    groupKey: '{}:{alertname="DatabaseMigration"}',
    truncatedAlerts: 0,
  };
}

const post = (body: Record<string, unknown>, query = "", token = TOKEN) =>
  api.ask<Record<string, unknown>>("POST", `/hooks/alertmanager${query}`, { body, token });
const holdsOf = async (id: string) => (await api.state(id)).restart.holds as readonly Record<string, unknown>[];
/** A tag that no other test has. */
function ownTeam(): string {
  made += 1;
  return `team-${made}`;
}

describe("a firing alert", () => {
  test("holds what its labels select by tags, and says why; nothing else", async () => {
    const team = ownTeam();
    const tags = { team, env: "prod" };
    const [one, two] = [await api.workspace({ tags }), await api.workspace({ tags })];
    const others = [await api.workspace({ tags: { team, env: "dev" } }), await api.workspace()];
    const labels = { tag_team: team, tag_env: "prod" };
    const { status, json } = await post(message({ labels, annotations: { summary: "migrating the main database" } }));
    expect({ status, json }).toEqual({ status: 200, json: { alerts: 1, held: 2, released: 0, skipped: 0 } });
    for (const id of [one, two]) {
      expect(await holdsOf(id)).toMatchObject([
        {
          id: "alert:c6eadffa33fcdf37",
          owner: "alertmanager",
          reason: "DatabaseMigration: migrating the main database",
        },
      ]);
    }
    for (const id of others) expect(await holdsOf(id)).toEqual([]);
  });

  test("selects by the id in its label workspace, and by the labels that the URL says are tags", async () => {
    const team = ownTeam();
    const [named, tagged] = [await api.workspace(), await api.workspace({ tags: { team } })];
    expect((await post(message({ labels: { workspace: named } }))).json).toMatchObject({ held: 1 });
    expect((await post(message({ labels: { team } }))).json, "team is no selector").toMatchObject({ alerts: 0 });
    expect((await post(message({ labels: { team } }), "?tags=env,team")).json).toMatchObject({ held: 1 });
    for (const id of [named, tagged]) expect(await holdsOf(id)).toHaveLength(1);
  });

  test("posted again and again only lasts longer: nothing more is told, and what a person forced stays forced", async () => {
    const id = await api.workspace();
    const labels = { workspace: id };
    await post(message({ labels }), "?holdMs=60000");
    const [first] = await holdsOf(id);
    await api.post(id, "restart", { force: true });
    for (let n = 0; n < 3; n += 1) await post(message({ labels }), "?holdMs=120000");
    const [last] = await holdsOf(id);
    expect(Date.parse(String(last?.endsAt))).toBeGreaterThan(Date.parse(String(first?.endsAt)));
    expect(last).toMatchObject({ id: first?.id, since: first?.since });
    expect((await api.activity(id)).filter(({ event }) => event === "WORKSPACE_HELD")).toHaveLength(1);
    await api.cycle(id);
  });

  test("leaves the holds of people alone, and they leave its", async () => {
    const id = await api.workspace();
    const labels = { workspace: id };
    await api.post(id, "hold", {});
    await post(message({ labels }));
    await api.post(id, "release", {});
    expect(await holdsOf(id)).toMatchObject([{ owner: "alertmanager" }]);
    await api.post(id, "hold", {});
    await post(message({ labels, status: "resolved" }));
    expect(await holdsOf(id)).toMatchObject([{ owner: "admin" }]);
  });
});

describe("a resolved alert", () => {
  test("releases what it held, whatever its labels select by now; and again, nothing", async () => {
    const team = ownTeam();
    const id = await api.workspace({ tags: { team } });
    const alert = { labels: { tag_team: team }, fingerprint: "0123456789abcdef" };
    await post(message(alert));
    await api.ask("PUT", `/workspaces/${id}`, { body: { tags: { team: "moved" } } });
    const resolved = message({ ...alert, status: "resolved" });
    expect((await post(resolved)).json).toMatchObject({ held: 0, released: 1 });
    expect(await holdsOf(id)).toEqual([]);
    expect(await post(resolved)).toMatchObject({ status: 200, json: { released: 0 } });
  });

  test("of a group ends its own hold, not that of one that still fires", async () => {
    const id = await api.workspace();
    const labels = { workspace: id };
    await post(message({ labels, fingerprint: "a1" }, { labels, fingerprint: "b2" }));
    await post(message({ labels, fingerprint: "a1", status: "resolved" }, { labels, fingerprint: "b2" }));
    expect(await holdsOf(id)).toMatchObject([{ id: "alert:b2" }]);
  });
});

describe("what is valid is taken, whatever is in it", () => {
  test.each<[string, Record<string, unknown>]>([
    ["no alerts, as a Go program writes none", { version: "4", status: "firing", alerts: null }],
    ["fields that are not known here", { ...message({}), orgId: 1, title: "[FIRING:1]", state: "alerting" }],
    ["an alert that selects nothing", message({ labels: { instance: "db-1" } })],
    ["a workspace that is not registered", message({ labels: { workspace: "nobody" } })],
    ["a workspace that can be none", message({ labels: { workspace: "../etc" } })],
    ["labels in any script, and long ones", message({ labels: { "ä ö": "ü".repeat(20_000), tag_x: "\ud800" } })],
    ["a fingerprint of another kind", message({ labels: { tag_x: "y" }, fingerprint: "x y".repeat(200) })],
    ["another status", message({ labels: { tag_x: "y" }, status: "suppressed" })],
    ["labels and annotations that are null", { version: "4", alerts: [{ status: "firing", labels: null }] }],
  ])("%s", async (_, body) => {
    expect((await post(body)).status).toBe(200);
  });

  test("the same alert without a fingerprint has the same hold", async () => {
    const id = await api.workspace();
    const { alerts, ...rest } = message({ labels: { workspace: id } });
    const old = { ...rest, alerts: alerts.map(({ fingerprint: _, ...alert }) => alert) };
    for (let n = 0; n < 2; n += 1) await post(old);
    expect(await holdsOf(id)).toHaveLength(1);
  });

  test("a workspace with as many holds as it may have is told of, and is no error", async () => {
    const id = await api.workspace();
    for (let n = 0; n < 32; n += 1) await api.post(id, "hold", { hold: `h${n}` });
    expect(await post(message({ labels: { workspace: id } }))).toMatchObject({
      status: 200,
      json: { held: 0, skipped: 1 },
    });
  });
});

describe("its token", () => {
  test("may do nothing else", async () => {
    const id = await api.workspace();
    for (const [method, path] of [
      ["GET", `/workspaces/${id}`],
      ["POST", `/workspaces/${id}/hold`],
      ["GET", "/metrics"],
      ["GET", "/admin/queues"],
    ] as const) {
      const { status, json } = await api.ask(method, path, { token: TOKEN });
      expect({ path, status }).toEqual({ path, status: 403 });
      expect(json.detail).toContain('the token "alertmanager" has alerts');
    }
  });

  test("is not needed where a token of the scope operate posts; less is refused", async () => {
    expect((await post(message(), "", TOKENS.operate)).status).toBe(200);
    expect((await post(message(), "", TOKENS.trigger)).status).toBe(403);
  });
});
