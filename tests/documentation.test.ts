import { readdirSync, readFileSync, statSync } from "node:fs";
import { BUILT_IN_SOURCES, EVENTS, POLICIES, REDIS_CONDITIONS, RULES } from "@restart-coordinator/debounce";
import { FLEET_EVENTS } from "@restart-coordinator/fleet";
import { VARIABLES } from "@restart-coordinator/service";
import { expect, test } from "vitest";
import { templateOf } from "../apps/api/src/openapi/document.ts";
import { MOUNTS, ROUTES } from "../apps/api/src/routes/index.ts";

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
}

/** The code-formatted words of a table's first column. */
function firstColumn(text: string): string[] {
  const cells = text.split("\n").flatMap((line) => /^\| (`[^|]*`[^|]*) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word as string));
}

test("every variable is documented, and no other", () => {
  const documented = firstColumn(read("docs/configuration.md")).filter((word) => /^[A-Z0-9_]+$/.test(word));
  expect(documented.sort()).toEqual([...VARIABLES].sort());
});

test("every route is documented with the scope it needs, and no other", () => {
  const rows = [...read("docs/api.md").matchAll(/^\| (`[^|]*`) \| (\w+)/gm)];
  const documented = rows.flatMap(([, routes = "", scope]) =>
    [...routes.matchAll(/`([A-Z]+ [^`]+)`/g)].map(([, route]) => `${route} ${scope}`),
  );
  const served = ROUTES.map((route) => `${route.method} ${templateOf(route)} ${route.scope ?? "none"}`);
  const mounted = MOUNTS.map(({ path, scope }) => `GET ${path} ${scope}`);
  expect(documented.sort()).toEqual([...served, ...mounted].sort());
});

test("every event is documented, and no other", () => {
  expect(firstColumn(read("docs/events.md")).sort()).toEqual([...EVENTS, ...FLEET_EVENTS].sort());
});

test("every event the scripts emit is one of them", () => {
  const directory = new URL("../packages/debounce/lua/", import.meta.url);
  const files = readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".lua"));
  const emitted = files.flatMap((name) => read(`packages/debounce/lua/${name}`).match(/'WORKSPACE_\w+'/g) ?? []);
  expect(new Set(emitted).size).toBeGreaterThan(10);
  for (const event of emitted) expect(EVENTS).toContain(event.replaceAll("'", ""));
});

test("every event the fleet's scripts emit is one of them, and every one is emitted", () => {
  const directory = new URL("../packages/fleet/lua/", import.meta.url);
  const files = readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".lua"));
  const scripts = files.map((name) => read(`packages/fleet/lua/${name}`));
  const emitted = scripts.flatMap((text) => [...text.matchAll(/'(ROLLOUT_\w+)'/g)].map(([, event]) => event));
  expect([...new Set(emitted)].sort()).toEqual([...FLEET_EVENTS].sort());
});

test("every condition of Redis is documented", () => {
  const document = read("docs/failover.md");
  for (const condition of REDIS_CONDITIONS) expect(document).toMatch(new RegExp(`\\x60?\\b${condition}\\x60`));
});

test("the table of the default profile is the default profile", () => {
  const rows = read("docs/policies.md")
    .split("\n")
    .filter((line) => /^\| `[a-z0-9-]+`.* \| \d+ \|/.test(line));
  const documented = rows.flatMap((row) => {
    const [names, windowMs, leading, trailing, maxWaitMs, cooldown, running, automatic] = row
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    return [...(names ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => [
      name,
      {
        windowMs: Number(windowMs),
        leading: leading === "yes",
        trailing: trailing === "yes",
        maxWaitMs: Number(maxWaitMs),
        cooldown,
        running,
        automatic: automatic === "yes",
      },
    ]);
  });
  expect(Object.fromEntries(documented)).toEqual(POLICIES.default.sources);
  expect(documented).toHaveLength(BUILT_IN_SOURCES.length);
});

test("the rules that the policies' text names are rules", () => {
  const named = [...read("docs/policies.md").matchAll(/`(?:dropped|refused|coalesced|fired)\/([a-z-]+)`/g)].map(
    ([, rule]) => rule,
  );
  expect(named.length).toBeGreaterThan(0);
  for (const rule of named) expect(RULES).toContain(rule);
});

test("every link in the documents leads to a file", () => {
  for (const document of [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/policies.md",
    "docs/api.md",
    "docs/library.md",
    "docs/rollouts.md",
    "docs/fleet.md",
    "docs/simulator.md",
    "docs/command.md",
    "docs/logs.md",
    "docs/why.md",
  ]) {
    const links = [...read(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link as string);
    for (const link of links.filter((target) => !target.startsWith("http"))) {
      const at = new URL(link, new URL(`../${document}`, import.meta.url));
      expect(() => statSync(at), `${document} links to ${link}`).not.toThrow();
    }
  }
});
