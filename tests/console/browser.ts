/** The system's Chromium, and pages in it that report whatever goes wrong in them. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const QUIET = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

/** Where it is; undefined where there is none. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file));
}

/** Said once, in the tests' output; with REQUIRE_BROWSER=1 it is an error instead. */
export function browserIsMissing(): boolean {
  if (findChromium() !== undefined) return false;
  const how = "there is no Chromium on PATH, which tests of the console need. To get it: apt-get install chromium";
  if (process.env.REQUIRE_BROWSER === "1") throw new Error(how);
  console.warn(`skipped: ${how}`);
  return true;
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium() as string, args: QUIET });
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the console, of scripts, and of the content security policy; requests to anybody else. */
  readonly complaints: string[];
}

/** Runs in the page. */
const REPORT_VIOLATIONS = `document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  console.error("content security policy: " + violatedDirective + " " + blockedURI);
})`;

/** A page of its own: its cookies are nobody else's. `expected`: what the browser may say because the test does it. */
export async function openPage(
  browser: Browser,
  options: { theme?: "light" | "dark"; width?: number; height?: number; expected?: RegExp } = {},
): Promise<Watched> {
  const { theme = "light", width = 1280, height = 900, expected } = options;
  const context = await browser.newContext({
    ...{ viewport: { width, height }, colorScheme: theme, reducedMotion: "reduce", timezoneId: "Europe/Berlin" },
    locale: "en-GB",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const complain = (text: string): void => {
    if (expected?.test(text) !== true) complaints.push(text);
  };
  page.on(
    "console",
    (message) => message.type() === "error" && complain(`${message.text()} ${message.location().url}`),
  );
  page.on("pageerror", (error) => complain(error.stack ?? error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).hostname !== "127.0.0.1") complain(`asked ${request.url()}`);
  });
  await page.addInitScript(REPORT_VIOLATIONS);
  return { page, context, complaints };
}

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What axe-core finds on the page as it is. (Given as a script of the test's, which no policy of the page forbids.) */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, "utf8"));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; help: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${failureSummary} ${html.slice(0, 200)}`),
    );
  });
}

const CONSOLE = fileURLToPath(new URL("../../apps/console", import.meta.url));

/** Builds the console unless it was built since it was changed: the suite builds it before; one file run by itself may not. */
export async function buildConsole(): Promise<void> {
  const built = await stat(join(CONSOLE, "dist/index.html")).catch(() => undefined);
  const sources = (await readdir(join(CONSOLE, "src"), { recursive: true })).map((name) => join(CONSOLE, "src", name));
  const changed = await Promise.all(
    [...sources, join(CONSOLE, "index.html")].map(async (file) => (await stat(file)).mtimeMs),
  );
  if (built !== undefined && built.mtimeMs > Math.max(...changed)) return;
  await promisify(execFile)(join(CONSOLE, "node_modules/.bin/vite"), ["build"], { cwd: CONSOLE });
}
