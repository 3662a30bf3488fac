/** The alert rules and the dashboard use what is exposed, and the alerts fire when they should. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { documentedMetrics } from "./support/metrics.ts";

const MONITORING = fileURLToPath(new URL("../monitoring/", import.meta.url));
const read = (name: string) => readFileSync(MONITORING + name, "utf8");

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const rules = (parseYaml(read("alerts.yml")) as Rules).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read("grafana-dashboard.json")) as { title: string; panels: readonly Panel[] };
const panels = dashboard.panels.filter(({ type }) => type !== "row");

const EXPRESSIONS = [
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [`panel "${title}"`, expr] as const)),
];

/** What Prometheus itself adds. */
const OF_PROMETHEUS = { metrics: ["up"], labels: ["job", "instance", "le"] };

/** Each name a scrape has samples of, with the labels they have. */
const EXPOSED = new Map<string, readonly string[]>([
  ...OF_PROMETHEUS.metrics.map((name) => [name, []] as const),
  ...documentedMetrics().flatMap(({ name, type, labels }) => {
    const parts = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    return parts.map((part) => [name + part, labels] as const);
  }),
]);

const MATCHER = /(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"/g;
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found]) => found as string);

/** The names of metrics in an expression: neither functions nor labels. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replaceAll(/\{[^}]*\}/g, "{}")
    .replaceAll(/\b(?:by|without) \([^)]*\)/g, "")
    .replaceAll(/\[[^\]]*\]/g, "");
  return matches(bare, /\b([a-z_]\w*)\b(?!\s*\()/g).filter((word) => !["and", "or", "unless"].includes(word));
}

function labelsIn(expr: string): string[] {
  const inBraces = matches(expr, /\{([^}]*)\}/g).flatMap((inside) => matches(inside, MATCHER));
  const grouped = matches(expr, /\b(?:by|without) \(([^)]*)\)/g).flatMap((names) => names.split(/,\s*/));
  return [...inBraces, ...grouped];
}

test.each(EXPRESSIONS)("%s uses only metrics and labels that are exposed", (_, expr) => {
  const names = metricsIn(expr);
  expect(names).not.toEqual([]);
  for (const name of names) expect([...EXPOSED.keys()], expr).toContain(name);
  const known = [...names.flatMap((name) => EXPOSED.get(name) ?? []), ...OF_PROMETHEUS.labels];
  for (const label of labelsIn(expr)) expect(known, expr).toContain(label);
});

test("what is looked for in an expression is found", () => {
  const expr = 'sum by (le, made_up) (rate(restart_x_bucket{phase=~"a|b",other="c"}[5m])) * 60 > 3 and absent(up)';
  expect(metricsIn(expr)).toEqual(["restart_x_bucket", "up"]);
  expect(labelsIn(expr)).toEqual(["phase", "other", "le", "made_up"]);
});

describe("the dashboard", () => {
  test("has panels of its own each, and asks for its data source when it is imported", () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(panels.length).toBeGreaterThan(15);
    for (const panel of panels) {
      expect(panel, panel.title).toMatchObject({ datasource: { type: "prometheus", uid: "$" + "{datasource}" } });
    }
  });
});

describe("the alerts", () => {
  test("have a test each", () => {
    const tested = matches(read("alerts.test.yml"), /alertname: (\w+)/g);
    expect(new Set(tested)).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  const promtool = (...args: readonly string[]) => spawnSync("promtool", args, { cwd: MONITORING, encoding: "utf8" });
  const isInstalled = promtool("--version").status === 0;

  test.skipIf(!isInstalled)("promtool accepts them, and they fire when they should (skipped without promtool)", () => {
    for (const args of [
      ["check", "rules", "alerts.yml"],
      ["test", "rules", "alerts.test.yml"],
    ]) {
      const { status, stdout, stderr } = promtool(...args);
      expect(status, stdout + stderr).toBe(0);
    }
  });
});
