import { execFileSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { WorkspaceFiles } from "../../src/files/index.ts";
import { openBelow, refusal, scratch, WS } from "./scratch.ts";
import { failSync, onNextSync, recordSyncs } from "./syncs.ts";

describe("writing", () => {
  test("stores any bytes, from a buffer or a stream, and makes directories", async () => {
    const made = await scratch();
    const content = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));
    expect(await made.files.write(WS, "a/b/c.bin", content)).toMatchObject({ path: "a/b/c.bin", bytes: 1024 });
    const stream = Readable.from([content.subarray(0, 3), content.subarray(3)]);
    expect(await made.files.write(WS, "a/d.bin", stream)).toMatchObject({ path: "a/d.bin", bytes: 1024 });
    expect(await readFile(made.at("a/b/c.bin"))).toEqual(content);
    expect(await readFile(made.at("a/d.bin"))).toEqual(content);
  });

  test("counts bytes, not letters, also of a stream of strings", async () => {
    const { files } = await scratch({ maxFileBytes: 6 });
    expect((await files.write(WS, "x", Readable.from(["é", "éé"]))).bytes).toBe(6);
    expect((await refusal(files.write(WS, "x", Readable.from(["ééé", "é"])))).code).toBe("too-large");
  });

  test("stores an empty body as an empty file", async () => {
    const made = await scratch();
    expect((await made.files.write(WS, "x", Readable.from([]))).bytes).toBe(0);
    expect(await made.text("x")).toBe("");
  });

  test("refuses a stream that a parser has emptied before", async () => {
    const made = await scratch();
    await made.files.write(WS, "x", Buffer.from("old"));
    const source = Readable.from([Buffer.from("new")]);
    await buffer(source);
    await expect(made.files.write(WS, "x", source)).rejects.toThrow("read before");
    expect(await made.text("x")).toBe("old");
  });

  test("keeps a script executable and drops what would raise privileges", async () => {
    const made = await scratch();
    await chmod(await made.plant("run.sh", "old"), 0o4751);
    await made.files.write(WS, "run.sh", Buffer.from("new"));
    expect((await stat(made.at("run.sh"))).mode & 0o7777).toBe(0o751);
    await made.files.replaceAll(WS, { "run.sh": "newer" });
    expect((await stat(made.at("run.sh"))).mode & 0o7777).toBe(0o751);
  });

  test("keeps the permission bits of each file, whichever is written first", async () => {
    const made = await scratch();
    const modes = { secret: 0o600, usual: 0o666 & ~process.umask(), open: 0o777, secretToo: 0o600 };
    for (const [path, mode] of Object.entries(modes)) await chmod(await made.plant(path, "old"), mode);
    const seen: Record<string, number> = {};
    for (const path of Object.keys(modes)) {
      await made.files.write(WS, path, Buffer.from("new"));
      seen[path] = (await stat(made.at(path))).mode & 0o7777;
    }
    expect(seen).toEqual(modes);
  });

  test("holds no directory open while its source takes its time", async () => {
    const made = await scratch();
    await made.plant("a/b/x", "old");
    const source = new PassThrough();
    const writing = made.files.write(WS, "a/b/x", source);
    source.write("new");
    await vi.waitUntil(async () => (await made.staged()).length === 1, { timeout: 10_000 });
    expect((await openBelow(made.base)).filter((path) => !path.includes(".staging"))).toEqual([]);
    source.end();
    await writing;
    expect(await made.text("a/b/x")).toBe("new");
  });

  test("makes a directory anew that went while the bytes were synced", async () => {
    const made = await scratch();
    await made.plant("a/b/x", "old");
    onNextSync(() => fs.rmSync(made.at("a"), { recursive: true }));
    await made.files.write(WS, "a/b/x", Buffer.from("new"));
    expect(await made.contents()).toEqual({ "a/b/x": "new" });
  });

  test("says not-a-file where a directory is, and where a file is on the way", async () => {
    const made = await scratch();
    await made.plant("a/b", "file");
    expect(await refusal(made.files.write(WS, "a", Buffer.from("x")))).toEqual({
      code: "not-a-file",
      message: '"a" is a directory',
    });
    expect(await refusal(made.files.write(WS, "a/b/c", Buffer.from("x")))).toEqual({
      code: "not-a-file",
      message: '"a/b" is not a directory',
    });
    expect(await made.contents()).toEqual({ "a/b": "file" });
  });

  test("replaces a pipe instead of writing into it", async () => {
    const made = await scratch();
    await made.plant("x", "");
    execFileSync("mkfifo", [made.at("pipe")]);
    await made.files.write(WS, "pipe", Buffer.from("file now"));
    expect(await made.text("pipe")).toBe("file now");
  });

  test("has synced the bytes before they get their name, and every directory on the way, when it resolves", async () => {
    const made = await scratch();
    const synced = recordSyncs();
    await made.files.write(WS, "a/b/x", Buffer.from("x"));
    const inodes = [];
    for (const path of ["a/b/x", "..", "", "a", "a/b"]) inodes.push((await stat(made.at(path))).ino);
    expect(synced[0]).toBe(inodes[0]);
    expect(synced.toSorted()).toEqual(inodes.toSorted());
  });

  test("has synced the directory, when a removal resolves", async () => {
    const made = await scratch();
    await made.plant("a/x", "x");
    await made.plant("a/y", "y");
    const { ino } = await stat(made.at("a"));
    const synced = recordSyncs();
    await made.files.remove(WS, "a/x");
    expect(synced).toEqual([ino]);
  });
});

describe("a write that fails", () => {
  test("for too many bytes leaves the old file, and the source undestroyed", async () => {
    const made = await scratch({ maxFileBytes: 100_000 });
    await made.files.write(WS, "x", Buffer.from("old"));
    const source = Readable.from([Buffer.alloc(60_000), Buffer.alloc(60_000), Buffer.alloc(60_000)]);
    expect(await refusal(made.files.write(WS, "x", source))).toEqual({
      code: "too-large",
      message: '"x" has more than 100000 bytes',
    });
    expect(source.destroyed).toBe(false);
    expect(await made.text("x")).toBe("old");
    expect((await made.files.write(WS, "x", Buffer.alloc(100_000))).bytes).toBe(100_000);
  });

  test("is bounded by the limit of the call, if it has one", async () => {
    const { files } = await scratch();
    expect((await files.write(WS, "x", Buffer.alloc(10), { maxBytes: 10 })).bytes).toBe(10);
    expect((await refusal(files.write(WS, "x", Buffer.alloc(11), { maxBytes: 10 }))).code).toBe("too-large");
  });

  test.each([
    [1, "of the bytes", "old"],
    [2, "of a directory, with the file in place", "new"],
  ])("in sync %i, %s, leaves one whole version, and nothing open or staged", async (nth, _, content) => {
    const made = await scratch();
    await made.files.write(WS, "a/x", Buffer.from("old"));
    failSync(nth);
    await expect(made.files.write(WS, "a/x", Buffer.from("new"))).rejects.toThrow("no space left");
    expect(await made.contents()).toEqual({ "a/x": content });
  });

  test("as its source fails in the middle rejects with that error and leaves no file", async () => {
    const made = await scratch();
    const source = Readable.from(
      (async function* () {
        yield Buffer.alloc(100_000);
        throw new Error("the wire broke");
      })(),
    );
    await expect(made.files.write(WS, "a/x", source)).rejects.toThrow("the wire broke");
    expect(await made.paths()).toEqual([]);
  });

  test("as its source failed before it was looked at rejects, too", async () => {
    const { files } = await scratch();
    const source = new PassThrough();
    const writing = files.write(WS, "x", source);
    source.destroy(new Error("gone at once"));
    await expect(writing).rejects.toThrow("gone at once");
    const closed = new PassThrough().destroy();
    await expect(files.write(WS, "x", closed)).rejects.toThrow();
    expect(await files.list(WS)).toEqual([]);
  });

  test("as the client disconnects in mid-body leaves the old file, and nothing staged", async () => {
    const made = await scratch();
    await made.files.write(WS, "x", Buffer.from("old"));
    const { port, outcome } = await uploads(made.files);

    const client = request({ port, method: "PUT", headers: { "Content-Length": 1_000_000 } });
    client.on("error", () => {});
    client.write(Buffer.alloc(100_000));
    const isStaged = async () => {
      const [staged] = await made.staged();
      return staged !== undefined && (await stat(join(made.root, ".staging", staged))).size === 100_000;
    };
    await vi.waitUntil(isStaged, { timeout: 10_000 });
    client.destroy();

    await expect(outcome).rejects.toThrow("aborted");
    expect(await made.text("x")).toBe("old");
    expect(await made.staged()).toEqual([]);
  });

  test("as the body is too large can still be answered", async () => {
    const { files } = await scratch({ maxFileBytes: 10 });
    const { port, outcome } = await uploads(files);
    outcome.catch(() => {});
    const client = request({ port, method: "PUT", headers: { "Content-Length": 1_000_000 } });
    client.write(Buffer.alloc(100_000));
    const [response] = await once(client, "response");
    expect(response.statusCode).toBe(413);
    client.on("error", () => {});
    client.destroy();
  });
});

describe("concurrent writers", () => {
  test("never show a reader a torn file", async () => {
    const made = await scratch();
    const versions = Array.from({ length: 8 }, (_, index) => Buffer.alloc(50_000 + index * 30_000, 65 + index));
    await made.files.write(WS, "a/x", versions[0] as Buffer);
    let writing = true;
    const writers = Promise.all(
      versions.map(async (version) => {
        for (let round = 0; round < 12; round++) {
          const halves = [version.subarray(0, 20_000), version.subarray(20_000)];
          await made.files.write(WS, "a/x", round % 2 === 0 ? version : Readable.from(halves));
        }
      }),
    ).finally(() => {
      writing = false;
    });
    const seen = new Set<number>();
    while (writing) {
      // Both through the store, and as the workspace's own process reads.
      for (const content of [await made.bytes("a/x"), await readFile(made.at("a/x"))]) {
        const version = versions.find((candidate) => candidate[0] === content[0]);
        expect(version?.equals(content)).toBe(true);
        seen.add(content[0] ?? 0);
      }
    }
    await writers;
    expect(seen.size).toBeGreaterThan(1);
  });

  test("of several replicas all succeed, and one of them stays", async () => {
    const made = await scratch();
    const replicas = await Promise.all([1, 2, 3].map(() => WorkspaceFiles.open({ directory: made.root })));
    const contents = Array.from({ length: 30 }, (_, index) => `version ${index}`);
    await Promise.all(
      contents.map((content, index) =>
        (replicas[index % 3] as WorkspaceFiles).write(WS, "a/b/x", Buffer.from(content)),
      ),
    );
    expect(contents).toContain(await made.text("a/b/x"));
    expect(await readdir(made.at("a/b"))).toEqual(["x"]);
  });

  test("never lose a file, or fail, for a directory that is pruned at the same moment", async () => {
    const made = await scratch();
    for (let round = 0; round < 40; round++) {
      await made.files.write(WS, "a/b/c/old", Buffer.from("old"));
      const kept = Array.from({ length: 4 }, (_, index) => `a/b/c/new-${index}`);
      await Promise.all([
        made.files.remove(WS, "a/b/c/old"),
        ...kept.map(async (path) => {
          await made.files.write(WS, path, Buffer.from("first"));
          await made.files.remove(WS, path);
          await made.files.write(WS, path, Buffer.from("second"));
        }),
      ]);
      expect(await made.paths()).toEqual(kept);
      await Promise.all(kept.map((path) => made.files.remove(WS, path)));
      expect(await readdir(made.at())).toEqual([]);
    }
  });
});

describe("removing", () => {
  test("says whether it existed", async () => {
    const made = await scratch();
    expect(await made.files.remove(WS, "a/x")).toBe(false);
    await made.files.write(WS, "a/x", Buffer.from("x"));
    expect(await made.files.remove(WS, "a/x")).toBe(true);
    expect(await made.files.remove(WS, "a/x")).toBe(false);
  });

  test("takes along the directories it leaves empty, but never the workspace's own", async () => {
    const made = await scratch();
    await made.files.writeMany(WS, { "a/b/c/x": "x", "a/y": "y" });
    await made.files.remove(WS, "a/b/c/x");
    expect(await readdir(made.at("a"))).toEqual(["y"]);
    await made.files.remove(WS, "a/y");
    expect(await readdir(made.at())).toEqual([]);
    expect(await made.files.exists(WS)).toBe(true);
  });

  test("refuses a directory, even an empty one", async () => {
    const made = await scratch();
    await mkdir(made.at("a"), { recursive: true });
    expect(await refusal(made.files.remove(WS, "a"))).toEqual({ code: "not-a-file", message: '"a" is a directory' });
    expect(await readdir(made.at())).toEqual(["a"]);
  });

  test("removes a pipe without opening it", async () => {
    const made = await scratch();
    await made.plant("x", "");
    execFileSync("mkfifo", [made.at("pipe")]);
    expect(await made.files.remove(WS, "pipe")).toBe(true);
  });
});

describe("at start", () => {
  test("what dead processes left staged an hour ago is removed, whatever it is; younger files stay", async () => {
    const made = await scratch();
    const staging = join(made.root, ".staging");
    const old = new Date(Date.now() - 61 * 60 * 1000);
    const young = new Date(Date.now() - 59 * 60 * 1000);
    await mkdir(join(staging, "old-tree", "a", "b"), { recursive: true });
    await writeFile(join(staging, "old-tree", "a", "x"), "x");
    for (const name of ["old", "young"]) await writeFile(join(staging, name), name);
    for (const name of ["old", "old-tree"]) await utimes(join(staging, name), old, old);
    await utimes(join(staging, "young"), young, young);

    await WorkspaceFiles.open({ directory: made.root });
    expect(await made.staged()).toEqual(["young"]);
    await utimes(join(staging, "young"), old, old);
    await Promise.all([1, 2, 3].map(() => WorkspaceFiles.open({ directory: made.root })));
    expect(await made.staged()).toEqual([]);
  });

  test("a root that vanished later is an operator's trouble, not a missing file", async () => {
    const made = await scratch();
    const files = await WorkspaceFiles.open({ directory: join(made.base, "elsewhere") });
    execFileSync("rm", ["-r", join(made.base, "elsewhere")]);
    const operations = [
      () => files.read(WS, "x"),
      () => files.list(WS),
      () => files.remove(WS, "x"),
      () => files.exists(WS),
      () => files.write(WS, "x", Buffer.from("x")),
    ];
    for (const operation of operations) {
      await expect(operation()).rejects.toThrow("cannot open the directory");
    }
  });
});

/** An HTTP server that writes the first request's body to `x`. */
async function uploads(files: WorkspaceFiles): Promise<{ port: number; outcome: Promise<unknown> }> {
  const server = createServer();
  onTestFinished(() => void server.close());
  const outcome = once(server, "request").then(([incoming, response]) => {
    const writing = files.write(WS, "x", incoming);
    writing.catch(() => response.writeHead(413, { Connection: "close" }).end());
    return writing;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, outcome };
}
