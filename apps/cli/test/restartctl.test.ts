import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Receiver } from "../../../packages/webhooks/test/support/receiver.ts";
import { TestApi, TOKENS, useApi } from "../../api/test/support/api.ts";
import { type Ran, start } from "./restartctl.ts";

const api = useApi();
const near = useApi({ settings: { WEBHOOK_ALLOW_PRIVATE: true } });
const env = (token: string = TOKENS.admin) => ({
  RESTARTCTL_URL: `http://127.0.0.1:${api.port}`,
  RESTARTCTL_TOKEN: token,
});

/** Runs it to its end. */
function restartctl(...args: string[]): Promise<Ran> {
  return start(args, env()).ended;
}

/** What it printed for programs. */
async function json<Body>(...args: string[]): Promise<Body> {
  const { code, stdout, stderr } = await restartctl(...args, "--json");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Body;
}

describe("what it tells people", () => {
  test("status: when it restarts, the latest that can be, and why", async () => {
    const id = await api.workspace({ name: "canvas" });
    await api.trigger(id, { source: "file-write", reason: "wrote a.txt" });
    await api.cycle(id);
    await api.trigger(id, { source: "file-write", reason: "wrote b.txt" });
    await api.trigger(id, { source: "file-write", reason: "wrote c.txt" });
    const { code, stdout } = await restartctl("status", id);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^ws-\w+ \(canvas\) {2}online\n {2}restarts in \d+ s, when the cooldown is over, latest \d\d:\d\d:\d\d, because of 2 file writes\n/,
    );
    expect(stdout).toMatch(/\n {2}owed {2}2 file-write, last [\d:]+: wrote c.txt, wrote b.txt, by admin\n/);
    expect(stdout).toMatch(/\n {2}last {2}ok \d+ s ago, took \d+ s, covered 1 file write\n/);
  });

  test("trigger and restart: the decision and the rule", async () => {
    const id = await api.workspace();
    const { stdout } = await restartctl("trigger", id, "--source", "secret-change", "--reason", "rotated");
    expect(stdout).toMatch(/^coalesced \(window\), due \d\d:\d\d:\d\d\n$/);
    expect((await api.state(id)).restart.why[0]).toMatchObject({ reasons: ["rotated"], actors: ["admin"] });
    expect((await restartctl("restart", await api.workspace())).stdout).toMatch(/^fired \(window\), due/);
  });

  test("the verbs: what came of them", async () => {
    const id = await api.workspace();
    expect((await restartctl("hold", id, "--for", "10m", "--reason", "deploy")).stdout).toMatch(
      /: held until [\d:]+\n$/,
    );
    expect((await api.state(id)).restart.phase).toBe("held");
    expect((await restartctl("release", id)).stdout).toBe(`${id}: released\n`);
    await api.trigger(id, { source: "file-write" });
    expect((await restartctl("cancel", id)).stdout).toBe(`${id}: 1 canceled\n`);
    expect((await restartctl("flush", id)).stdout).toBe(`${id}: nothing is owed\n`);
  });

  test("holds: whose they are, why and until when; a release ends one's own, a named one or all", async () => {
    const id = await api.workspace();
    expect((await restartctl("holds", id)).stdout).toBe("nothing is held\n");
    await restartctl("hold", id, "--for", "10m", "--reason", "deploy");
    const operator = await start(["hold", id, "--for", "1m", "--hold", "demo"], env(TOKENS.operate)).ended;
    expect(operator.stdout).toMatch(/: held until [\d:]+; others hold it until [\d:]+\n$/);
    const ofThis = (await restartctl("holds")).stdout.split("\n").filter((line) => line.startsWith(id));
    expect(ofThis).toEqual([
      expect.stringMatching(/admin +admin +[\d:]{8} +[\d:]{8} +deploy$/),
      expect.stringMatching(/demo +operate +[\d:]{8} +[\d:]{8} *$/),
    ]);
    expect((await restartctl("status", id)).stdout).toContain("by admin (deploy), operate");
    expect((await restartctl("release", id)).stdout).toMatch(/: released; still held until [\d:]+ by operate\n$/);
    expect((await restartctl("release", id)).stdout).toMatch(/: no such hold was released; still held until/);
    expect((await restartctl("release", id, "--hold", "demo")).stdout).toBe(`${id}: released\n`);
    expect(await json("holds", id)).toEqual({ holds: [] });
  });

  test("pause --cascade takes the family along", async () => {
    const parent = await api.workspace();
    await api.workspace({ parentId: parent });
    const alone = await restartctl("pause", parent);
    expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining("a descendant") });
    expect((await restartctl("pause", parent, "--cascade")).stdout).toContain("with 1 of its descendants");
  });

  test("activity and list: a table", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "startup" });
    await api.cycle(id);
    const activity = (await restartctl("activity", id)).stdout.split("\n");
    expect(activity[0]).toMatch(/^TIME +EVENT +DETAILS$/);
    expect(activity[1]).toMatch(/^\d{4}-\d\d-\d\d [\d:]{8} {2}WORKSPACE_ONLINE +1 startup .*cycle=/);
    const list = (await restartctl("list", "--limit", "200")).stdout.split("\n");
    expect(list[0]).toMatch(/^WORKSPACE +STATUS +SEEN +PHASE +RESTART$/);
    expect(list.find((line) => line.startsWith(id))).toMatch(/online +\d+ s ago +idle +nothing is owed$/);
  });
});

describe("what it tells programs", () => {
  test("--json is what the server answers", async () => {
    const id = await api.workspace();
    expect(await json("status", id)).toEqual(await api.state(id));
    expect(await json("trigger", id, "--source", "file-write")).toMatchObject({ decision: "fired", workspaceId: id });
    expect(await json("activity", id)).toMatchObject({ activity: await api.activity(id) });
  });

  test("--json of an error is the problem, on stderr", async () => {
    const { code, stdout, stderr } = await restartctl("status", "nobody", "--json");
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(JSON.parse(stderr)).toMatchObject({ type: "unknown-workspace", status: 404 });
  });
});

describe("exit codes", () => {
  test("1: wrong arguments, with the right ones", async () => {
    const slip = await restartctl("statsu", "x");
    expect(slip).toMatchObject({ code: 1, stderr: expect.stringContaining("Did you mean status?") });
    const missing = await restartctl("trigger", "x");
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("--source") });
    const duration = await restartctl("hold", "x", "--for", "soon");
    expect(duration).toMatchObject({ code: 1, stderr: expect.stringContaining("such as 30s") });
    const source = await restartctl("trigger", "x", "--source", "none");
    expect(source).toMatchObject({ code: 1, stderr: expect.stringContaining('unknown source "none"') });
  });

  test("2: refused, with the rule", async () => {
    const id = await api.workspace({ runtime: "external" });
    const { code, stderr } = await restartctl("restart", id);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `restartctl: workspace ${id} may not be restarted: external\n`,
    });
  });

  test("3: not found, and what to do", async () => {
    const { code, stderr } = await restartctl("activity", "nobody");
    expect({ code, stderr }).toEqual({
      code: 3,
      stderr: "restartctl: workspace nobody is not registered: PUT /workspaces/nobody first\n",
    });
  });

  test("4: no token, an unknown one, or one that may not; none is ever shown", async () => {
    const without = await start(["list"], { RESTARTCTL_URL: env().RESTARTCTL_URL }).ended;
    expect(without).toMatchObject({ code: 4, stderr: expect.stringContaining("RESTARTCTL_TOKEN") });
    const unknown = await start(["list"], env("an-unknown-token-1234")).ended;
    expect(unknown).toMatchObject({ code: 4, stderr: expect.not.stringContaining("an-unknown-token-1234") });
    const reader = await start(["hold", "x"], env(TOKENS.read)).ended;
    expect(reader).toMatchObject({ code: 4, stderr: expect.stringContaining("needs the scope operate") });
  });

  test("5: the server is away", async () => {
    const { code, stderr } = await start(["list"], { RESTARTCTL_URL: "http://127.0.0.1:1025" }).ended;
    expect(code).toBe(5);
    expect(stderr).toMatch(/^restartctl: cannot reach http:\/\/127.0.0.1:1025 \(\S+\): does the API run/);
  });
});

describe("what waits", () => {
  test("trigger --wait ends when the restart that covers it has ended", async () => {
    const id = await api.workspace();
    const waiting = start(["trigger", id, "--source", "startup", "--wait", "60s"], env());
    await waiting.printed("fired");
    await api.cycle(id);
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\ndone \(c\d+\)\n$/) });
  });

  test("trigger --wait says 2 when it does not come off, or not in time", async () => {
    const id = await api.workspace();
    const late = await restartctl("trigger", id, "--source", "startup", "--wait", "1ms");
    expect(late).toMatchObject({ code: 2, stderr: expect.stringContaining("not covered: pending") });
    const waiting = start(["trigger", id, "--source", "startup", "--wait", "60s"], env());
    await waiting.printed("coalesced");
    await api.post(id, "cancel", {});
    expect(await waiting.ended).toMatchObject({ code: 2, stderr: expect.stringContaining("not covered: canceled") });
  });

  test("status --follow goes on until nothing is owed and nothing runs", async () => {
    const id = await api.workspace();
    await api.trigger(id, { source: "secret-change" });
    const following = start(["status", id, "--follow"], env());
    await following.printed(/restarts .*because of 1 secret change/);
    await api.post(id, "flush", {});
    const lease = await api.begin(id);
    await following.printed("restarting for");
    await lease.end({ outcome: "ok" });
    expect(await following.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/: nothing is owed\n$/) });
  });

  test("watch tells what happens, filtered, and ends after --count", async () => {
    const id = await api.workspace();
    const watching = start(["watch", id, "--event", "WORKSPACE_HELD,WORKSPACE_RELEASED", "--count", "2"], env());
    await watching.printed("watching");
    await api.trigger(id, { source: "file-write" });
    await api.post(id, "hold", { reason: "deploy" });
    await api.post(id, "release", {});
    const { code, stdout } = await watching.ended;
    expect(code).toBe(0);
    const line = (event: string) => `[\\d:]{8} {2}${id} {2}${event}  *\\(by admin.*\n`;
    expect(stdout).toMatch(new RegExp(`^${line("WORKSPACE_HELD")}${line("WORKSPACE_RELEASED")}$`));
  });
});

describe("rollouts", () => {
  test("create, list, show and the verbs: a bar, and who failed", async () => {
    const team = randomBytes(6).toString("hex");
    const ids = [await api.workspace({ tags: { team } }), await api.workspace({ tags: { team } })];
    const created = await restartctl(
      "rollouts",
      "create",
      "--tag",
      `team=${team}`,
      "--canary",
      "50%",
      "--reason",
      "image 42",
    );
    expect(created.stdout).toMatch(/^r-\S+: \[\.{20}\] 0\/2 (preparing|running): 0 done/);
    const id = created.stdout.split(":")[0] ?? "";
    expect(await json("rollouts", "show", id, "--members", "waiting")).toMatchObject({
      reason: "image 42",
      canary: { percent: 50 },
      members: ids.sort().map((workspaceId) => ({ workspaceId })),
    });
    expect((await restartctl("rollouts", "list")).stdout).toMatch(new RegExp(`\n${id} .* image 42\n`));
    expect((await restartctl("rollouts", "pause", id)).stdout).toContain("0/2 paused by admin");
    const followed = await restartctl("rollouts", "show", id, "--follow");
    expect(followed).toMatchObject({ code: 2, stderr: `restartctl: rollout ${id} is paused, 0 failed\n` });
  });

  test("which workspaces is not left to chance", async () => {
    for (const chosen of [[], ["--ids", "a", "--all"]]) {
      const { code, stderr } = await restartctl("rollouts", "create", ...chosen);
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("choose workspaces") });
    }
  });
});

test("webhooks: how each one fares, and what it did not take, sent again", async () => {
  const receiver = await Receiver.listen();
  onTestFinished(() => receiver.close());
  const here = { RESTARTCTL_URL: `http://127.0.0.1:${near.port}`, RESTARTCTL_TOKEN: TOKENS.admin };
  const ask = (...args: string[]) => start(["webhooks", ...args], here).ended;
  await near.ask("PUT", "/webhooks/pager", { body: { url: receiver.url } });
  const workspace = await near.workspace();
  for (const reason of ["first", "second"]) await near.post(workspace, "hold", { reason });
  const ids = (await near.activity(workspace)).map(({ id }) => `evt_0_${id}`).reverse() as [string, string];
  for (const [n, id] of ids.entries()) {
    const entry = { id, event: "WORKSPACE_HELD", workspaceId: workspace, error: "HTTP 400" };
    await near.redis.zadd(`{${near.config.RESTART_PREFIX}:webhooks}:aside:pager`, n, JSON.stringify(entry));
  }
  expect((await ask("list")).stdout).toMatch(/^WEBHOOK .*\npager +active +0 +0 +http/);
  expect((await ask("set-aside", "pager")).stdout).toMatch(new RegExp(`\n${ids[1]} .*HTTP 400\n${ids[0]} `));
  receiver.answer = (_, count) => (count === 1 ? 204 : 400);
  expect(await ask("send", "pager")).toMatchObject({
    ...{ code: 2, stdout: `${ids[0]}: taken\n`, stderr: `restartctl: ${ids[1]} was not taken: HTTP 400\n` },
  });
  expect((await ask("forget", "pager", ids[1])).stdout).toBe(`${ids[1]}: forgotten\n`);
  expect((await ask("send", "pager")).stdout).toBe("nothing is set aside\n");
});

describe("what goes on while the server is away", () => {
  /** Another API process on the same Redis, at the same port each time: it goes and comes back. */
  async function other() {
    const server = new TestApi({ beside: () => api });
    await server.start();
    const { port } = server;
    onTestFinished(() => server.service.stop());
    return {
      url: `http://127.0.0.1:${port}`,
      /** Down, something happens, and up again. */
      away: async (meanwhile: () => Promise<unknown>) => {
        await server.service.stop();
        await meanwhile();
        await server.start({ PORT: port });
      },
    };
  }

  const following = (...args: string[]) => {
    const running = start(args, env());
    onTestFinished(() => void running.child.kill());
    return running;
  };

  test("watch goes on where it was", async () => {
    const server = await other();
    const id = await api.workspace();
    const watching = following("watch", id, "--count", "2", "--url", server.url);
    await watching.printed("watching");
    await api.post(id, "hold", {});
    await watching.printed("WORKSPACE_HELD");
    await server.away(() => api.post(id, "release", {}));
    const { code, stdout, stderr } = await watching.ended;
    expect(code).toBe(0);
    expect(stdout.match(/WORKSPACE_\w+/g)).toEqual(["WORKSPACE_HELD", "WORKSPACE_RELEASED"]);
    expect(stderr).toBe("watching; Ctrl-C ends it\nthe server is away; going on once it is back\n");
  });

  test("watch misses nothing when the server goes before the first event", async () => {
    const server = await other();
    const id = await api.workspace();
    const watching = following("watch", id, "--count", "1", "--url", server.url);
    await watching.printed("watching");
    await server.away(() => api.post(id, "hold", {}));
    await api.post(id, "release", {});
    expect((await watching.ended).stdout).toContain("WORKSPACE_HELD");
  });

  test("status --follow goes on, and says so", async () => {
    const server = await other();
    const id = await api.workspace();
    await api.trigger(id, { source: "secret-change" });
    const watched = following("status", id, "--follow", "--url", server.url);
    await watched.printed(/restarts .*because of 1 secret change/);
    await server.away(() => api.post(id, "cancel", {}));
    const { code, stdout, stderr } = await watched.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "the server is away; going on once it is back\n" });
    expect(stdout).toMatch(/: nothing is owed\n$/);
  });

  test("trigger --wait goes on", async () => {
    const server = await other();
    const id = await api.workspace();
    const waiting = following("trigger", id, "--source", "startup", "--wait", "90s", "--url", server.url);
    await waiting.printed("fired");
    await server.away(() => api.cycle(id));
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/\ndone \(c\d+\)\n$/) });
  });

  test("rollouts show --follow goes on", async () => {
    const server = await other();
    const id = await api.workspace();
    const { stdout } = await restartctl("rollouts", "create", "--ids", id);
    const rollout = stdout.split(":")[0] ?? "";
    const watched = following("rollouts", "show", rollout, "--follow", "--url", server.url);
    await watched.printed("0/1");
    await server.away(() => api.ask("POST", `/rollouts/${rollout}/pause`, { body: {} }));
    const { code, stderr } = await watched.ended;
    expect(code).toBe(2);
    expect(stderr).toContain(`rollout ${rollout} is paused`);
  });

  test("a server that is killed leaves no stack trace", async () => {
    // Stands for the API: it begins a stream, and then its process is gone.
    const server = createServer((request, response) => {
      if (!request.url?.endsWith("/events")) return void response.end("{}");
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: position\nid: 1-1\ndata: {}\n\n");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const watching = following("watch", "w", "--url", url);
    await watching.printed("watching");
    server.close();
    server.closeAllConnections();
    await watching.printed("the server is away");
    watching.child.kill();
    const { stderr } = await watching.ended;
    expect(stderr).toBe("watching; Ctrl-C ends it\nthe server is away; going on once it is back\n");
  });
});

describe("the rest", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "restartctl-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("the token may come from a file", async () => {
    const file = join(directory, "token");
    await writeFile(file, `${TOKENS.read}\n`);
    const ran = await start(["list", "--token-file", file], { RESTARTCTL_URL: env().RESTARTCTL_URL }).ended;
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const missing = await start(["list", "--token-file", join(directory, "none")], env()).ended;
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot be read: ENOENT") });
  });

  test("simulate is the simulator", async () => {
    const { code, stdout } = await restartctl("simulate", "traces/canvas-save.csv", "--profile", "seed", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ profile: "seed", cycles: [0, 66_900], uncovered: 1, duringCycle: 10 }]);
  });

  test("--help names every command and the exit codes", async () => {
    const { code, stdout } = await restartctl("--help");
    expect(code).toBe(0);
    for (const word of ["trigger", "status", "watch", "simulate", "Exit codes: 0 done"]) expect(stdout).toContain(word);
  });
});
