import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import type { BenchRedis } from "./redis.ts";

const PACKAGES = ["bullmq", "ioredis", "express", "undici"] as const;

export interface Environment {
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  readonly at: string;
}

/** What was measured on what: a number without it means nothing. */
export async function describeEnvironment({ redis }: BenchRedis): Promise<Environment> {
  const [cpu] = cpus();
  const info = await redis.info("server");
  const require = createRequire(import.meta.url);
  const versions = PACKAGES.map((name) => {
    // Not every package exports its package.json.
    const entry = require.resolve(name);
    const root = entry.slice(0, entry.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}/`.length);
    return [name, (JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { version: string }).version];
  });
  return {
    machine: `${cpus().length} × ${cpu?.model ?? "unknown CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}`,
    versions: {
      node: process.version.slice(1),
      redis: /(?:valkey|redis)_version:(\S+)/.exec(info)?.[1] ?? "unknown",
      ...Object.fromEntries(versions),
    },
    commit: commitOf(),
    at: new Date().toISOString(),
  };
}

function commitOf(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch {
    return "unknown";
  }
}
