import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { exitCodeOf, run } from "./child.mjs";
import { pnpmCommand, pnpmVersion } from "./pnpm.mjs";
import { SetupError } from "./setup-error.mjs";

/** Holds what was installed last, so that the next run can skip it. */
const STAMP = "node_modules/.install-stamp";

export async function installDependencies() {
  const wanted = fingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  rmSync(STAMP, { force: true });
  console.log(`Installing dependencies with pnpm ${pnpmVersion()}; the first time this takes a minute …`);
  const result = await run([...pnpmCommand(), "install", "--frozen-lockfile"], {
    quiet: true,
    // Without a terminal pnpm would refuse to replace a node_modules it does not like.
    env: { CI: "true" },
  });
  if (exitCodeOf(result) !== 0) {
    throw new SetupError(`${result.output}\nThe dependencies could not be installed; see above.`, exitCodeOf(result));
  }
  writeFileSync(STAMP, wanted);
}

function fingerprint() {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  const packages = ["packages", "apps"].flatMap((folder) => readdirSync(folder).map((name) => `${folder}/${name}`));
  const manifests = [".", "demo", "tests", ...packages].map((folder) => `${folder}/package.json`);
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", ...manifests.sort()]) {
    if (existsSync(file)) hash.update(`${file}\n`).update(readFileSync(file));
  }
  return hash.digest("hex");
}
