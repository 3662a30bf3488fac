/** README's "Running it", line by line as it is printed, against a Redis, a port and a folder of the test's own. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { ownPrefix, redisUrl } from "./setup/shared-redis.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a person would see before the two are ended: the workspace has read what was written. Then it is stopped. */
const LOOK = `
until grep -q 'demo runs with answer: 42' "$WORKSPACES_DIR"/.control/demo/log*; do sleep 0.2; done
ask -X POST localhost:$PORT/workspaces/demo/pause
until ask localhost:$PORT/workspaces/demo | grep -q '"status":"paused"'; do sleep 0.2; done
`;

/** README asks with curl; a machine without it cannot follow the page, nor this test. */
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

test.skipIf(!hasCurl)("leads to a running workspace, without a terminal", async () => {
  const folder = await mkdtemp(join(tmpdir(), "readme-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const printed = (readme.split("<!-- running -->\n```bash\n")[1] ?? "").split("\n```")[0] ?? "";
  const [install, ...lines] = printed.split("\n");
  // The suite has installed and built it.
  expect(install).toMatch(/^npx --yes pnpm@[\d.]+ install && npx --yes pnpm@[\d.]+ build$/);
  const port = await freePort();
  const script = lines
    .join("\n")
    .replace("redis://127.0.0.1:6379", redisUrl())
    .replace("PORT=8080", `PORT=${port}`)
    .replaceAll(/> (api|worker)\.log/g, `> ${folder}/$1.log 2>&1`)
    .replace("kill %1 %2", `${LOOK}\nkill %1 %2\nwait`);
  const env = { PATH: process.env.PATH, WORKSPACES_DIR: join(folder, "workspaces"), RESTART_PREFIX: ownPrefix() };
  const bash = ["-c", `shopt -s expand_aliases\nset -m\n${script}`];
  const { stdout } = await promisify(execFile)("bash", bash, { cwd: ROOT, env, timeout: 120_000 });
  expect(stdout).toContain('"decision":"fired"');
  expect(await readFile(join(folder, "workspaces/demo/config.yaml"), "utf8")).toBe("answer: 42\n");
});
