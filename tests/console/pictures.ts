/** Makes the pictures of docs/console.md from the live demo: `npx pnpm build && npx pnpm console:pictures`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { launch, openPage } from "./browser.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TENANTS = ["acme", "globex", "initech", "umbrella"];
const KINDS = ["canvas", "crawler", "studio", "report", "agent"];

const demo = spawn(process.execPath, ["demo/dist/main.js", "--keep", "--speed", "2"], {
  cwd: ROOT,
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const { url, token } = await addressOf(demo);
  const ask = (method: string, path: string, body: unknown) =>
    fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  // Neighbours, so that the fleet is one: nothing is asked of them but to be there, and of some to be held.
  for (let n = 0; n < 40; n += 1) {
    const id = `${KINDS[n % KINDS.length]}-${String(n).padStart(3, "0")}`;
    await ask("PUT", `/workspaces/${id}`, { tags: { tenant: TENANTS[n % TENANTS.length] }, runtime: "process" });
    if (n % 9 === 0) await ask("POST", `/workspaces/${id}/hold`, { holdMs: 3_600_000, reason: "migration" });
  }
  const browser = await launch();
  const cookie = (
    await fetch(`${url}/session`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Origin: url },
      body: JSON.stringify({ token }),
    })
  ).headers.get("set-cookie");
  const [, value = ""] = /^rc_session=([^;]+)/.exec(cookie ?? "") ?? [];
  const { page, context } = await openPage(browser, { width: 1280, height: 860 });
  await context.addCookies([{ name: "rc_session", value, url }]);
  const shot = (name: string) => page.screenshot({ path: `${ROOT}docs/console-${name}.png` });

  await page.goto(`${url}/#/workspaces/canvas-save`);
  await page.getByText("it waits until nothing is saved").waitFor({ timeout: 120_000 });
  await shot("workspace");
  await page.getByText("Running, nothing is owed").waitFor({ timeout: 120_000 });
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${url}/#/`);
  await page.getByText("Noisiest sources").waitFor();
  await page.getByText("canvas-000").first().waitFor();
  await shot("fleet");
  await page.emulateMedia({ colorScheme: "light" });
  await page.goto(`${url}/#/workspaces/canvas-save/what-if`);
  await page.getByText("Stale at most").waitFor();
  await shot("what-if");
  await browser.close();
} finally {
  demo.kill("SIGTERM");
  if (demo.exitCode === null) await once(demo, "exit");
}

/** As the demo prints it. */
async function addressOf({ stdout }: ChildProcess): Promise<{ url: string; token: string }> {
  if (stdout === null) throw new Error("the demo's output cannot be read");
  for await (const line of createInterface(stdout)) {
    const [, url, token] = /console +(http\S+?)\/#\S* +\(sign in with (\w+)\)/.exec(line) ?? [];
    if (url !== undefined && token !== undefined) {
      stdout.resume();
      return { url, token };
    }
  }
  throw new Error("the demo ended before it had printed the console's address");
}
