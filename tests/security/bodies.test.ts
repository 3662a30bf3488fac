/** Bodies of every unkind shape, against one process whose memory is watched. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from "vitest";
import { API_TOKENS, ownPrefix, removeKeys, TOKENS } from "../../apps/api/test/support/api.ts";
import { ApiProcess } from "../../apps/api/test/support/process.ts";

const MIB = 1024 * 1024;
const MOST_MIB = 300;

let api: ApiProcess;
let directory: string;
const prefix = ownPrefix();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "security-"));
  api = new ApiProcess({
    REDIS_URL: inject("redisUrl"),
    RESTART_PREFIX: prefix,
    WORKSPACES_DIR: directory,
    API_TOKENS,
    PORT: "0",
    LOG_LEVEL: "info",
  });
  await vi.waitFor(() => expect(api.port).toBeDefined(), { timeout: 30_000 });
  await vi.waitFor(async () => expect(await put("/workspaces/ws", pieces(["{}"]), TOKENS.admin)).toBeLessThan(300));
});

afterAll(async () => {
  api.child.kill();
  await api.ended;
  await removeKeys(inject("redisUrl"), prefix);
  await rm(directory, { recursive: true, force: true });
});

afterEach(async () => {
  expect(api.child.exitCode).toBeNull();
  const mib = await mostMib();
  expect(mib).toBeLessThan(MOST_MIB);
});

/** The most memory that the process ever had. */
async function mostMib(): Promise<number> {
  const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${api.child.pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}

function* pieces(given: Iterable<string | Buffer>): Generator<Buffer> {
  for (const piece of given) yield Buffer.from(piece);
}

/** So many bytes of one piece, between two others. */
function* filled(before: string, piece: string, after: string, bytes: number): Generator<Buffer> {
  yield Buffer.from(before);
  const chunk = Buffer.from(piece.repeat(Math.ceil((64 * 1024) / piece.length)));
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
  yield Buffer.from(after);
}

/** Files of 10 MB each, as base64. */
function* largestSet(): Generator<Buffer> {
  for (let file = 0; file < 5; file += 1) {
    yield* filled(`${file === 0 ? '{"files":{' : ","}"f${file}":{"base64":"`, "QUJD", '"}', 13 * MIB);
  }
  yield Buffer.from("}}");
}

const SETS = "/workspaces/ws/files";

/** An answer to a body that is still on its way may be lost with the connection. */
const CUT_OFF = 0;

/** Sends it as fast as it is taken; resolves to the status. */
function put(path: string, body: Iterable<Buffer>, token: string, more: Record<string, string> = {}): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...more };
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port: api.port, method: "PUT", path, headers, agent: false } as const;
    const outgoing = request(options, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
      response.once("close", () => outgoing.destroy());
    });
    // Who answers before the body is whole takes no more of it.
    outgoing.on("error", () => {});
    outgoing.on("close", () => resolve(CUT_OFF));
    const iterator = body[Symbol.iterator]();
    const send = (): void => {
      if (outgoing.destroyed) return;
      for (;;) {
        const { done, value } = iterator.next();
        if (done) return void outgoing.end();
        if (!outgoing.write(value)) return void outgoing.once("drain", send);
      }
    };
    send();
  });
}

describe("one process", () => {
  test("takes sets of the largest size side by side, and refuses others meanwhile", async () => {
    const accepted = Array.from({ length: 3 }, () => put(SETS, largestSet(), TOKENS.trigger));
    const refused = Array.from({ length: 10 }, () => put(SETS, largestSet(), TOKENS.read));
    for (const status of await Promise.all(refused)) expect([403, CUT_OFF]).toContain(status);
    expect(await Promise.all(accepted)).toEqual([200, 200, 200]);
  });

  test.each([
    ["arrays within arrays", () => filled('{"files":', "[", "", 70 * MIB)],
    ["objects within objects", () => filled('{"files":', '{"a":', "", 70 * MIB)],
    ["tiny files", () => filled('{"files":{"x":""', ',"a":""', "}}", 70 * MIB)],
    ["numbers", () => filled('{"files":[', "1,", "1]}", 70 * MIB)],
  ])("gives up %s", async (_, body) => {
    const answers = await Promise.all(Array.from({ length: 3 }, () => put(SETS, body(), TOKENS.trigger)));
    for (const status of answers) expect([400, 413, CUT_OFF]).toContain(status);
  });

  test("inflates nothing", async () => {
    const bomb = gzipSync(
      Buffer.concat([Buffer.from('{"files":{"a":"'), Buffer.alloc(40 * MIB, "x"), Buffer.from('"}}')]),
    );
    const headers = { "content-encoding": "gzip" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => put(SETS, [bomb], TOKENS.trigger, headers)));
    expect(answers).toEqual(Array(20).fill(415));
  });
});
