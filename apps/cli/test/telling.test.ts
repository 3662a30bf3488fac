/** What restartctl tells people: stories, attempts, and what they may put in place of the HTTP API. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TOKENS, useApi } from "../../api/test/support/api.ts";
import { type Ran, start } from "./restartctl.ts";

const api = useApi();
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telling-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const env = () => ({ RESTARTCTL_URL: `http://127.0.0.1:${api.port}`, RESTARTCTL_TOKEN: TOKENS.admin });
const begin = (...args: string[]) => start(args, env());
const restartctl = (...args: string[]): Promise<Ran> => begin(...args).ended;
const fileWith = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text);
  return join(folder, name);
};

describe("why", () => {
  test("tells what each restart covered, by whom, what held it back, and how it went", async () => {
    const id = await api.workspace();
    await restartctl("files", "put", id, "config.yaml", await fileWith("config.yaml", "a: 1"));
    await api.cycle(id);
    await api.post(id, "hold", { reason: "a demo" });
    await api.trigger(id, { source: "secret-change", reason: "rotated" });
    await api.post(id, "release");
    const { code, stdout } = await restartctl("why", id);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d\n/);
    expect(stdout).toMatch(/cycle \w+ starts: at once; first asked for at [\d:.]+\n/);
    expect(stdout).toMatch(/it covers 1 × file-write by admin, at [\d:.]+: config.yaml\n/);
    expect(stdout).toMatch(/cycle \w+ ends: WORKSPACE_ONLINE after [\d.]+ s/);
    expect(stdout).toMatch(/restarts are held until [\d:.]+ by admin: a demo\n/);
    expect(stdout).toMatch(/the hold is ended by admin\n/);
  });

  test("of nothing says so", async () => {
    const id = await api.workspace();
    expect((await restartctl("why", id)).stdout).toBe("nothing happened that is still known\n");
    expect(JSON.parse((await restartctl("why", id, "--json")).stdout)).toEqual({ workspaceId: id, activity: [] });
  });
});

test("activity keeps who, why and which files", async () => {
  const id = await api.workspace();
  await restartctl("files", "put", id, "a/b.txt", await fileWith("b.txt", "b"));
  await api.cycle(id);
  await api.post(id, "hold", { reason: "a demo" });
  const { stdout } = await restartctl("activity", id);
  expect(stdout).toMatch(/WORKSPACE_HELD +\(by admin: a demo\) .*heldUntil=[\d:]{8}/);
  expect(stdout).toMatch(/WORKSPACE_ONLINE +1 file write \(by admin: a\/b.txt\) /);
});

describe("restart --wait", () => {
  test("tells each attempt, its error and the next try", async () => {
    const id = await api.workspace();
    const waiting = begin("restart", id, "--wait", "60s");
    await waiting.printed("fired");
    const failing = await api.begin(id);
    await failing.end({ outcome: "failed", retryable: true, error: "exit code 3" });
    await waiting.printed(/attempt 1 failed after \d+ s: exit code 3; the next try is at \d\d:\d\d:\d\d/);
    await api.post(id, "flush");
    await api.cycle(id);
    const { code, stdout } = await waiting.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/attempt 2 begins\nattempt 2 took \d+ s\ndone \(\w+\)\n$/);
  });
});

describe("the state", () => {
  test("says when somebody asked a running restart to stop", async () => {
    const id = await api.workspace();
    await restartctl("restart", id);
    await api.begin(id);
    await restartctl("cancel", id);
    expect((await restartctl("status", id)).stdout).toContain("asked to stop at its next safe point");
    expect((await api.state(id)).restart.cycle).toMatchObject({ stopAsked: true });
  });

  test("is coloured for a terminal, and not for a pipe", async () => {
    const id = await api.workspace();
    await api.post(id, "hold");
    expect((await restartctl("status", id)).stdout).not.toContain("\u001b[");
    expect((await start(["status", id], { ...env(), FORCE_COLOR: "1" }).ended).stdout).toContain(
      "\u001b[33mheld until",
    );
    expect((await start(["status", id], { ...env(), FORCE_COLOR: "0" }).ended).stdout).not.toContain("\u001b[");
  });

  test("says what it waits for", async () => {
    const id = await api.workspace();
    await restartctl("restart", id);
    await api.cycle(id);
    await api.trigger(id, { source: "file-write" });
    expect((await restartctl("list")).stdout).toMatch(
      new RegExp(`${id}.* restarts in \\d+ s, when the cooldown is over`),
    );
  });
});

test("a rollout of nothing is refused: a selector was mistyped", async () => {
  const answer = await restartctl("rollouts", "create", "--tag", "team=nobody");
  expect(answer).toMatchObject({ code: 2, stderr: "restartctl: no workspace is like that: nothing is restarted\n" });
});

test("programs get JSON although nobody answers", async () => {
  const { code, stderr } = await start(["list", "--json"], { RESTARTCTL_URL: "http://127.0.0.1:1" }).ended;
  expect(code).toBe(5);
  expect(JSON.parse(stderr)).toMatchObject({ exitCode: 5, detail: expect.stringContaining("does the API run") });
});

test("workspaces are registered, changed and removed, with their files", async () => {
  const spec = await fileWith("spec.json", '{ "command": ["sleep", "60"] }');
  const made = await restartctl("register", "cli-made", "--name", "mine", "--tag", "team=red", "--spec", spec);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cli-made: registered, \w+\n$/) });
  expect(await api.state("cli-made")).toMatchObject({ name: "mine", tags: { team: "red" } });
  const broken = await restartctl("register", "cli-made", "--spec", await fileWith("broken.json", "[1]"));
  expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining("expected a JSON object, got an array") });

  const source = await fileWith("with space.txt", "bytes\n");
  const put = await restartctl("files", "put", "cli-made", "x/with space.txt", source);
  expect(put.stdout).toMatch(/^x\/with space.txt written; the restart is \w+ \([\w-]+\)/);
  expect((await restartctl("files", "list", "cli-made")).stdout).toContain("x/with space.txt");
  expect((await restartctl("files", "get", "cli-made", "x/with space.txt")).stdout).toBe(
    await readFile(source, "utf8"),
  );
  expect((await restartctl("files", "delete", "cli-made", "x/with space.txt")).stdout).toContain("deleted");
  expect((await restartctl("files", "get", "cli-made", "x/with space.txt")).code).toBe(3);
  expect((await restartctl("delete", "cli-made", "--force")).stdout).toBe("cli-made: forgotten\n");
});

describe("policy", () => {
  test("show tells each value and where it is from", async () => {
    const { stdout } = await restartctl("policy", "show", await api.workspace());
    expect(stdout).toMatch(/^profile default, revision \w+\n/);
    expect(stdout).toMatch(/file-write.windowMs +\d+ +\w+/);
  });

  test("check finds all faults of a file at once, and no server is asked", async () => {
    const faulty = await fileWith("faulty.yaml", "cooldownMs: -1\nsources:\n  file-wrote:\n    windowMs: x\n");
    const { code, stderr } = await start(["policy", "check", faulty]).ended;
    expect(code).toBe(1);
    expect(stderr).toContain("cooldownMs");
    expect(stderr).toContain("file-wrote");
    const good = await fileWith("good.yaml", "profile: settle\n");
    expect(await start(["policy", "check", good]).ended).toMatchObject({ code: 0, stdout: `${good}: no faults\n` });
  });
});
