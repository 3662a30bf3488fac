/** The console in a real browser, against a real API and a real worker: what a person reads off the page is so. */
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Bench } from "../faults/support/bench.ts";
import type { Child } from "../faults/support/child.ts";
import { eventually } from "../faults/support/eventually.ts";
import { readRecorded } from "../incident/recorded.ts";
import { browserIsMissing, buildConsole, launch, openPage, violationsOf, type Watched } from "./browser.ts";

const TOKEN = "olga-token-0123456789";
const READER = "rita-token-0123456789";
/** The recorded incident and the policy's times are divided by this. */
const SPEED = 12;
const POLICY = {
  cooldownMs: 60_000 / SPEED,
  sources: { "file-write": { windowMs: 15_000 / SPEED, maxWaitMs: 120_000 / SPEED } },
};

const ALL_THAT_SCRIPTS_SEE =
  "[document.cookie, { ...localStorage }, { ...sessionStorage }, location.href, document.documentElement.outerHTML]";

describe.skipIf(browserIsMissing())("the console", () => {
  let bench: Bench;
  let browser: Browser;
  let api: Child;
  let settings: Record<string, string>;
  let url: string;

  beforeAll(async () => {
    bench = new Bench();
    const file = join(tmpdir(), `${bench.prefix}.json`);
    await writeFile(file, JSON.stringify(POLICY));
    const policy = { RESTART_POLICY_FILE: file, RESTART_COOLDOWN_MS: "" };
    settings = { ...policy, API_TOKENS: `olga:operate:${TOKEN},rita:read:${READER}` };
    await buildConsole();
    api = bench.apiProcess(settings);
    const worker = bench.workerProcess({ ...policy, SIMULATED_DURATION_MS: String(30_000 / SPEED) });
    const [listening] = await Promise.all([api.logged(/^listening on /), worker.logged(/takes restarts$/)]);
    url = String(listening.url);
    await eventually("the API is ready", async () => (await fetch(`${url}/readyz`)).ok);
    browser = await launch();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await bench?.clear();
    await rm(join(tmpdir(), `${bench.prefix}.json`), { force: true });
  });

  async function ask(method: string, path: string, body?: unknown): Promise<Response> {
    const isText = typeof body === "string" || body === undefined;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...(!isText && { "Content-Type": "application/json" }) },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
    return response;
  }

  /** The cookie that a browser gets for a token. */
  async function sessionOf(token: string) {
    const headers = { "Content-Type": "application/json", Origin: url };
    const response = await fetch(`${url}/session`, { method: "POST", headers, body: JSON.stringify({ token }) });
    const [, value = ""] = /^rc_session=([^;]+)/.exec(response.headers.get("set-cookie") ?? "") ?? [];
    return { name: "rc_session", value, url, httpOnly: true, sameSite: "Strict" } as const;
  }

  /** A page at an address behind "#", signed in. It must have had nothing to complain of when the test ends. */
  async function at(
    hash: string,
    work: (page: Page) => Promise<void>,
    more: Parameters<typeof openPage>[1] & { token?: string } = {},
  ) {
    const { page, context, complaints }: Watched = await openPage(browser, more);
    try {
      await context.addCookies([await sessionOf(more.token ?? TOKEN)]);
      await page.goto(`${url}/${hash}`);
      await page.getByRole("button", { name: "Sign out" }).waitFor();
      await work(page);
      expect(complaints).toEqual([]);
    } finally {
      await context.close();
    }
  }

  const sentence = (page: Page) => page.getByRole("region", { name: "What it does now" });

  test("a token is asked for once, and is in no place a script could read it", async () => {
    const { page, context, complaints } = await openPage(browser, { expected: /\b401\b.*\/session/ });
    await page.goto(url);
    const field = page.getByLabel("Access token");
    await field.fill("nobody-has-this-token");
    await field.press("Enter");
    await page.getByText("No token like this is known here.").waitFor();
    expect(await field.inputValue()).toBe("");
    await field.fill(TOKEN);
    await field.press("Enter");
    await page.getByText("olga").waitFor();
    const readable = JSON.stringify(await page.evaluate(ALL_THAT_SCRIPTS_SEE));
    expect(readable).not.toContain(TOKEN);
    expect(readable).not.toContain("rc_session");
    await page.reload();
    await page.getByRole("button", { name: "Sign out" }).click();
    await field.waitFor();
    await page.reload();
    await field.waitFor();
    expect(complaints).toEqual([]);
    await context.close();
    expect(JSON.stringify(api.log)).not.toContain(TOKEN);
  });

  test("the page and all it loads come from here alone, under a strict policy, and are kept for good", async () => {
    const page = await fetch(url);
    expect(page.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    const [, script = ""] = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text()) ?? [];
    const gzipped = await fetch(url + script, { headers: { "Accept-Encoding": "gzip" } });
    expect(gzipped.headers.get("cache-control")).toBe("public,max-age=31536000,immutable");
    expect(gzipped.headers.get("content-encoding")).toBe("gzip");
    expect(Number(gzipped.headers.get("content-length"))).toBeLessThan(200_000);
  });

  test("the incident of canvas-save, played live, is read off the page: why, what covered what, how many restarts", async () => {
    const writes = readRecorded("canvas-save");
    await ask("PUT", "/workspaces/canvas-save", { name: "Canvas" });
    await at("#/workspaces/canvas-save", async (page) => {
      await page.getByText("it has not been restarted yet").waitFor();
      const began = performance.now();
      for (const { atMs, detail } of writes) {
        await page.waitForTimeout(Math.max(0, began + atMs / SPEED - performance.now()));
        await ask("PUT", `/workspaces/canvas-save/files/${detail}`, `${detail} ${atMs}`);
      }
      await sentence(page)
        .getByText(/^Restarts in \d+ s$/)
        .waitFor();
      await sentence(page)
        .getByText(/files were saved.*it waits until nothing is saved for 1\.\d s, at the latest \d\d:\d\d:\d\d/)
        .waitFor();
      await bench.settled("canvas-save");
      await sentence(page).getByText("Running, nothing is owed").waitFor();

      const list = page.getByRole("region", { name: "Restarts" });
      const { activity } = (await (await ask("GET", "/workspaces/canvas-save/activity?limit=200")).json()) as {
        activity: { event: string; payload: { cycle: string; covers: { count: number; files: string[] }[] } }[];
      };
      const fired = activity.filter(({ event }) => event === "WORKSPACE_AUTO_RESTART_FIRED");
      expect(fired.length).toBeGreaterThanOrEqual(2);
      await eventually(
        "every restart is told as good",
        async () => (await list.getByText("ok", { exact: true }).count()) === fired.length,
      );
      let covered = 0;
      for (const { payload } of fired) {
        const cycle = page.locator(`#cycle-${payload.cycle}`);
        const summary = cycle.locator("button.summary");
        if ((await summary.getAttribute("aria-expanded")) === "false") await summary.click();
        const [count = ""] = /\d+ × file-write/.exec((await cycle.locator(".covers").textContent()) ?? "") ?? [];
        covered += Number.parseInt(count, 10);
        const named = await cycle.locator(".files li").allInnerTexts();
        expect(named.sort()).toEqual([...(payload.covers[0]?.files ?? [])].sort());
      }
      expect(covered).toBe(writes.length);
      await page
        .locator(`#cycle-${fired.at(-1)?.payload.cycle}`)
        .getByText(/, at once$/)
        .waitFor();
      await page
        .locator(`#cycle-${fired[0]?.payload.cycle}`)
        .getByText(/, after a window without another$/)
        .waitFor();
      expect(await page.locator(".lane.cycles button").count()).toBe(fired.length);
    });
  });

  test("a trigger's id leads to what became of it", async () => {
    await ask("PUT", "/workspaces/traced", {});
    const receipt = await ask("POST", "/workspaces/traced/triggers", { source: "file-write", reason: "a.md" });
    const { triggerId } = (await receipt.json()) as { triggerId: string };
    await at("#/", async (page) => {
      await page.keyboard.press("/");
      await page.keyboard.type(triggerId);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "A good restart covers it" }).waitFor();
      await page.getByRole("link", { name: "To traced" }).click();
      await page.getByRole("heading", { name: "traced" }).waitFor();
    });
  });

  test("a hold is placed, told as it counts down, and runs out by itself", async () => {
    await ask("PUT", "/workspaces/held", {});
    await at("#/workspaces/held", async (page) => {
      await page.getByRole("button", { name: "Hold" }).click();
      const question = page.getByRole("dialog");
      await question.getByText("No restart starts until the hold ends").waitFor();
      await question.getByLabel("For how long").selectOption({ label: "5 minutes" });
      await question.getByLabel("Why").fill("migration");
      await question.getByRole("button", { name: "Hold" }).click();
      await page.getByText(/^Held until \d\d:\d\d:\d\d\./).waitFor();
      await sentence(page)
        .getByText(/^Held for another (5 min|4 min \d+ s)$/)
        .waitFor();
      await page.getByText("Held by olga: migration").waitFor();
      await ask("POST", "/workspaces/held/triggers", { source: "file-write" });
      await sentence(page)
        .getByText(/a file was saved; it restarts when the hold ends/)
        .waitFor();
      await ask("POST", "/workspaces/held/hold", { holdMs: 1_500 });
      await sentence(page).getByText("Running, nothing is owed").waitFor();
      await page.getByText(/, the hold was over$/).waitFor();
    });
  });

  test("who may only look is offered nothing else, and is told so", async () => {
    await ask("PUT", "/workspaces/seen", {});
    await at(
      "#/workspaces/seen",
      async (page) => {
        await page.getByText("The scope read may look, and change nothing.").waitFor();
        expect(await page.getByRole("group", { name: "Actions" }).count()).toBe(0);
      },
      { token: READER },
    );
  });

  test("what others wrote is shown as text, whatever they wrote", async () => {
    const nasty = `<img src=x onerror="document.title='owned'">`;
    await ask("PUT", "/workspaces/hostile", { name: nasty, tags: { tenant: nasty }, runtime: nasty.slice(0, 64) });
    await ask("PUT", `/workspaces/hostile/files/${encodeURIComponent("<script>alert(1)<")}`, "x");
    await ask("POST", "/workspaces/hostile/triggers", { source: "file-write", reason: nasty, actor: nasty });
    await ask("POST", "/workspaces/hostile/hold", { reason: nasty, holdMs: 60_000 });
    await at(
      "#/workspaces/hostile",
      async (page) => {
        await page.getByRole("heading", { name: nasty }).waitFor();
        await page.getByText(`Held by olga: ${nasty}`).waitFor();
        await page.getByText("<script>alert(1)<").first().waitFor();
        await page.goto(`${url}/#/`);
        await page.getByRole("row", { name: "hostile" }).getByText(nasty).first().waitFor();
        await page.goto(`${url}/#/workspaces/${encodeURIComponent(nasty)}`);
        await page.getByText(nasty).first().waitFor();
        expect(await page.locator("#console img[src=x]").count()).toBe(0);
        expect(await page.title()).not.toBe("owned");
      },
      { expected: /\b400\b.*\/workspaces\// },
    );
  });

  test("the fleet is live: found, narrowed down, and gone through by keyboard", async () => {
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        ask("PUT", `/workspaces/many-${n}`, { runtime: n % 2 ? "docker" : "vm", tags: { tenant: `t${n % 3}` } }),
      ),
    );
    await at("#/", async (page) => {
      const rows = page.locator("tbody tr");
      await page.getByLabel("Search by id, name or tag").fill("many-");
      await page.getByText(/^60 of \d+$/).waitFor();
      await page.getByLabel("Runtime").selectOption("docker");
      await page.getByRole("combobox", { name: "Tag" }).selectOption("tenant: t1");
      await page.getByText(/^10 of \d+$/).waitFor();
      await rows.first().getByRole("link").focus();
      await page.keyboard.press("End");
      await eventually(
        "the last row has the focus",
        async () => (await page.evaluate("document.activeElement?.textContent")) === "many-7",
      );
      await ask("POST", "/workspaces/many-7/hold", { holdMs: 60_000 });
      await page.getByRole("row", { name: "many-7" }).getByText("held", { exact: true }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "many-7" }).waitFor();
    });
  });

  test("when the stream breaks the page says as of when it is, and is complete again when it comes back", async () => {
    await ask("PUT", "/workspaces/cut", {});
    await at(
      "#/workspaces/cut",
      async (page) => {
        await page.getByText("Live", { exact: true }).waitFor();
        api.kill("SIGTERM");
        await page.getByText(/^As of \d\d:\d\d:\d\d/).waitFor();
        await api.ended;
        // Nobody tells the page of it.
        await bench.coordinator.verbs.hold("cut", { holdMs: 600_000, actor: "ann", reason: "meanwhile" });
        api = bench.apiProcess({ ...settings, PORT: new URL(url).port });
        await api.logged(/^listening on /);
        await page.getByText("Live", { exact: true }).waitFor();
        await page.getByText("Held by ann: meanwhile").waitFor();
        await sentence(page)
          .getByText(/^Held for another/)
          .waitFor();
      },
      { expected: /ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|CONNECTION_RESET)|\b503\b/ },
    );
  });

  test("no page has anything that axe-core finds fault with, in either theme", async () => {
    const found: Record<string, string[]> = {};
    const look = async (name: string, page: Page): Promise<void> => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        found[`${name}, ${colorScheme}`] = await violationsOf(page);
      }
    };
    const { page, context } = await openPage(browser);
    await page.goto(url);
    await page.getByLabel("Access token").waitFor();
    await look("sign in", page);
    await context.close();
    const pages = [
      ["#/", "Noisiest sources"],
      ["#/workspaces/canvas-save", "nothing is owed"],
      ["#/workspaces/hostile", "Held for another"],
      ["#/workspaces/nobody", "There is no workspace nobody"],
      ["#/no/such/page", "There is no such page"],
    ] as const;
    await at(
      "#/",
      async (page) => {
        for (const [hash, sign] of pages) {
          await page.goto(`${url}/${hash}`);
          await page.getByText(sign).first().waitFor();
          await look(hash, page);
        }
        await page.goto(`${url}/#/workspaces/canvas-save`);
        await page.getByRole("button", { name: "Pause" }).click();
        await page.getByRole("dialog").waitFor();
        await look("question", page);
      },
      { expected: /\b404\b.*\/workspaces\/nobody/ },
    );
    expect(found).toEqual(Object.fromEntries(Object.keys(found).map((name) => [name, []])));
  });

  test("nothing lies outside of a page, however narrow or wide", async () => {
    await at("#/", async (page) => {
      for (const width of [375, 2_560]) {
        await page.setViewportSize({ width, height: 900 });
        for (const hash of ["#/", "#/workspaces/canvas-save", "#/workspaces/hostile"]) {
          await page.goto(`${url}/${hash}`);
          await page.locator("h1").first().waitFor({ state: "attached" });
          expect(await page.evaluate("document.documentElement.scrollWidth"), hash).toBeLessThanOrEqual(width);
        }
      }
    });
  });
});
