import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Builds what some tests run as it is built. Done at once where it was built before; a stale build would test yesterday's. */
export default async function buildPrograms(): Promise<void> {
  await promisify(execFile)("node_modules/.bin/tsc", ["-b", "apps/api", "apps/cli", "apps/worker", "demo"], {
    cwd: ROOT,
  }).catch(({ stdout }: { stdout: string }) => Promise.reject(new Error(`the build failed:\n${stdout}`)));
}
