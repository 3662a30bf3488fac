import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

let command;

/** The version that package.json's packageManager names. */
export function pnpmVersion() {
  const { packageManager } = JSON.parse(readFileSync("package.json", "utf8"));
  return /^pnpm@([^+]+)/.exec(packageManager)[1];
}

/** How to run pnpm: the installed one if it is of the same major version, else npx fetches the right one. */
export function pnpmCommand() {
  command ??= isSameMajor(installedVersion(), pnpmVersion())
    ? ["pnpm"]
    : ["npx", "--yes", "--loglevel=error", `pnpm@${pnpmVersion()}`];
  return command;
}

function installedVersion() {
  // What is called pnpm may be corepack's, which would ask before a download.
  const env = { ...process.env, COREPACK_ENABLE_DOWNLOAD_PROMPT: "0" };
  const { status, stdout } = spawnSync("pnpm", ["--version"], { encoding: "utf8", env, timeout: 30_000 });
  return status === 0 ? stdout.trim() : "";
}

function isSameMajor(one, other) {
  return one.split(".")[0] === other.split(".")[0];
}
