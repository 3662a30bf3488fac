import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { LivePolicies } from "../src/index.ts";

/** A file with that content; `replace` puts another one in its place, as an editor does. */
function policyFile(content: string) {
  const directory = mkdtempSync(join(tmpdir(), "live-policies-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "policy.yaml");
  const replace = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  writeFileSync(path, content);
  return { path, replace };
}

function watching(path: string) {
  const lines: { msg: string; reason?: string; level: number }[] = [];
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const live = new LivePolicies({ RESTART_POLICY_FILE: path });
  const told: ((loaded: boolean) => void)[] = [];
  live.watch(logger, (loaded) => told.shift()?.(loaded));
  onTestFinished(() => live.stop());
  const reloaded = () => new Promise<boolean>((resolve) => told.push(resolve));
  return { live, lines, reloaded };
}

test("a changed file is in force without a restart", async () => {
  const { path, replace } = policyFile("cooldownMs: 1");
  const { live, reloaded } = watching(path);
  const before = live.status;
  const reload = reloaded();
  replace("cooldownMs: 22");
  expect(await reload).toBe(true);
  expect(live.policies.common.cooldownMs).toBe(22);
  expect(live.status.revision).not.toBe(before.revision);
});

test("SIGHUP reads it at once", async () => {
  const { path, replace } = policyFile("cooldownMs: 1");
  const { live, reloaded } = watching(path);
  replace("cooldownMs: 333");
  const reload = reloaded();
  process.kill(process.pid, "SIGHUP");
  await once(process, "SIGHUP");
  expect(await reload).toBe(true);
  expect(live.policies.common.cooldownMs).toBe(333);
});

test("a file that cannot work changes nothing and is told with its reason, until one that can comes", async () => {
  const { path, replace } = policyFile("cooldownMs: 1\nprofile: settle");
  const { live, lines, reloaded } = watching(path);
  const { policies, status } = live;
  for (const broken of ["cooldownMs: 2\nprofil: seed", "cooldownMs: [", ""]) {
    const reload = reloaded();
    if (broken === "") rmSync(path);
    else replace(broken);
    process.kill(process.pid, "SIGHUP");
    expect(await reload).toBe(false);
    expect(live.policies).toBe(policies);
    expect(live.status).toMatchObject({ revision: status.revision, loadedAt: status.loadedAt });
    expect(lines.at(-1)).toMatchObject({ level: 50, msg: "the policy file cannot be used: the old policies stay" });
    expect(live.status.rejected?.reason).toBe(lines.at(-1)?.reason);
  }
  const reload = reloaded();
  replace("cooldownMs: 4444");
  process.kill(process.pid, "SIGHUP");
  expect(await reload).toBe(true);
  expect(live.status.rejected).toBeUndefined();
  expect(live.policies.common.cooldownMs).toBe(4_444);
});

test("what is stopped watches no more, and without a file SIGHUP keeps its ordinary meaning", () => {
  const before = process.listenerCount("SIGHUP");
  const live = new LivePolicies({});
  live.watch(pino({ level: "silent" }));
  expect(process.listenerCount("SIGHUP")).toBe(before);
  const { path } = policyFile("");
  const watched = watching(path);
  expect(process.listenerCount("SIGHUP")).toBe(before + 1);
  watched.live.stop();
  watched.live.stop();
  expect(process.listenerCount("SIGHUP")).toBe(before);
});
