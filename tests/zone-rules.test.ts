/** Zones change their rules, and every build of Node has those of its day. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { test } from "./faults/support/bench.ts";

function policyFile(content: object): string {
  const directory = mkdtempSync(join(tmpdir(), "zone-rules-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "policy.json");
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const NIGHT = { quietHours: { timeZone: "Europe/Berlin", windows: [{ from: "0 22 * * *", until: "0 6 * * *" }] } };

test("files with rules that cannot be read are told as what they are", async ({ useBench }) => {
  const RESTART_POLICY_FILE = policyFile(NIGHT);
  const ICU_TIMEZONE_FILES_DIR = dirname(RESTART_POLICY_FILE);
  writeFileSync(join(ICU_TIMEZONE_FILES_DIR, "zoneinfo64.res"), "half of one");
  const api = useBench().apiProcess({ RESTART_POLICY_FILE, ICU_TIMEZONE_FILES_DIR });
  await expect(api.logged(/listening/)).rejects.toThrow(/timeZone: .*no time zone.*ICU_TIMEZONE_FILES_DIR/);
  expect(await api.ended).toBe(1);
});

test("a process says which rules it has, and warns where another has others and something goes by them", async ({
  useBench,
}) => {
  const bench = useBench();
  const { zoneRules } = bench.coordinator.installation.keys;
  await bench.redis.zadd(zoneRules, Date.now(), "2019a");
  const RESTART_POLICY_FILE = policyFile(NIGHT);
  const worker = bench.workerProcess({ RESTART_POLICY_FILE });
  const api = bench.apiProcess({ RESTART_POLICY_FILE, API_TOKENS: "ci:admin:a-token-of-this-test" });
  const all = ["2019a", process.versions.tz];
  for (const child of [worker, api]) {
    const warning = await child.logged(/different rules of time zones: 2019a, 20/);
    expect(warning).toMatchObject({ level: 40, own: process.versions.tz, all });
  }
  expect(await api.logged(/listening/)).toMatchObject({ zoneRules: process.versions.tz });
  expect(await worker.logged(/takes restarts/)).toMatchObject({ zoneRules: process.versions.tz });
  expect(await bench.redis.zrange(zoneRules, 0, "-1")).toEqual(all);
});
