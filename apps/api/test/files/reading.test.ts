import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { refusal, scratch, WS } from "./scratch.ts";

describe("reading", () => {
  test("gives a file's bytes, size and time", async () => {
    const made = await scratch();
    const place = await made.plant("a/b.bin", Buffer.from([0, 255, 10, 13]));
    await utimes(place, new Date(0), new Date(86_400_000));
    const { bytes, modifiedAt, stream } = await made.files.read(WS, "a/b.bin");
    expect(bytes).toBe(4);
    expect(modifiedAt).toEqual(new Date(86_400_000));
    expect(await buffer(stream)).toEqual(Buffer.from([0, 255, 10, 13]));
  });

  test.each([0, 1, 65_535, 65_536, 65_537, 300_000])("gives all of %i bytes", async (length) => {
    const made = await scratch();
    const content = Buffer.alloc(length, "0123456789");
    await made.plant("x", content);
    expect((await made.bytes("x")).equals(content)).toBe(true);
  });

  test("says not-found for what is missing, be it the file, a directory or the workspace", async () => {
    const made = await scratch();
    const { files } = made;
    expect((await refusal(files.read(WS, "x"))).code).toBe("not-found");
    await made.plant("y", "y");
    expect(await refusal(files.read(WS, "x"))).toEqual({ code: "not-found", message: '"x" does not exist' });
    expect((await refusal(files.read(WS, "a/b/x"))).code).toBe("not-found");
  });

  test("says not-a-file for a directory, and for a file on the way", async () => {
    const made = await scratch();
    const { files } = made;
    await made.plant("a/b", "file");
    expect((await refusal(files.read(WS, "a"))).message).toBe('"a" is not a file, but a directory');
    expect(await refusal(files.read(WS, "a/b/c/d"))).toEqual({
      code: "not-a-file",
      message: '"a/b" is not a directory',
    });
  });

  test("does not wait at a pipe nor talk to a socket", async () => {
    const made = await scratch();
    await made.plant("file", "file");
    execFileSync("mkfifo", [made.at("pipe")]);
    const server = createServer().listen(made.at("socket"));
    onTestFinished(() => void server.close());
    await once(server, "listening");
    for (const path of ["pipe", "socket"]) {
      const { code, message } = await refusal(made.files.read(WS, path));
      expect(code).toBe("not-a-file");
      expect(message).toContain("pipe, socket or device");
    }
    expect(await made.paths()).toEqual(["file"]);
  });

  test("goes on with what it opened when the file is replaced or removed", async () => {
    const made = await scratch();
    const old = Buffer.alloc(200_000, "old");
    await made.files.write(WS, "x", old);
    const { stream } = await made.files.read(WS, "x");
    await made.files.write(WS, "x", Buffer.from("new"));
    await made.files.remove(WS, "x");
    expect((await buffer(stream)).equals(old)).toBe(true);
  });

  test("fails, instead of ending early, when its own process truncates the file meanwhile", async () => {
    const made = await scratch();
    await made.plant("x", Buffer.alloc(200_000));
    const { stream } = await made.files.read(WS, "x");
    await truncate(made.at("x"), 100_000);
    await expect(buffer(stream)).rejects.toThrow("shrank to 100000 of 200000 bytes");
  });

  test("stops at the announced size when its own process appends meanwhile", async () => {
    const made = await scratch();
    await made.plant("x", "before");
    const { stream, bytes } = await made.files.read(WS, "x");
    await writeFile(made.at("x"), ", after", { flag: "a" });
    expect((await buffer(stream)).length).toBe(bytes);
  });

  test("closes the file when the stream is destroyed before it was read", async () => {
    const made = await scratch();
    await made.plant("x", Buffer.alloc(200_000));
    const { stream } = await made.files.read(WS, "x");
    stream.destroy();
    await once(stream, "close");
    // That the descriptor is closed is checked after every test.
  });
});

describe("listing", () => {
  test("is empty where nothing is", async () => {
    const made = await scratch();
    expect(await made.files.list(WS)).toEqual([]);
    await mkdir(made.at("a/b"), { recursive: true });
    expect(await made.files.list(WS)).toEqual([]);
  });

  test("has every file with size and time, sorted by path", async () => {
    const made = await scratch();
    for (const path of ["b", "a/z", "a-b", "a/b/c", "B", ".env"]) {
      await utimes(await made.plant(path, path), new Date(0), new Date(1000));
    }
    const listed = await made.files.list(WS);
    expect(listed.map(({ path }) => path)).toEqual([".env", "B", "a-b", "a/b/c", "a/z", "b"]);
    expect(listed[3]).toEqual({ path: "a/b/c", bytes: 5, modifiedAt: new Date(1000) });
  });

  test("leaves out symlinks, and names that no path can say", async () => {
    const made = await scratch();
    await made.plant("file", "file");
    await symlink("file", made.at("link"));
    await symlink(".", made.at("loop"));
    // Other systems refuse names that are not UTF-8.
    const latin = Buffer.concat([Buffer.from(made.at("latin-")), Buffer.from([0xe9])]);
    if (process.platform === "linux") await writeFile(latin, "");
    await made.plant("back\\slash", "");
    await made.plant("dir\\ectory/file", "");
    expect(await made.paths()).toEqual(["file"]);
  });

  test("ends at the deepest level a path can have", async () => {
    const made = await scratch();
    const deepest = `${"a/".repeat(31)}b`;
    await made.plant(deepest, "");
    await made.plant(`${"a/".repeat(40)}b`, "");
    expect(await made.paths()).toEqual([deepest]);
  });

  test("goes on while files and directories come and go", async () => {
    const made = await scratch();
    await made.files.write(WS, "stays/here", Buffer.from("x"));
    let busy = true;
    const churn = (async () => {
      for (let round = 0; round < 60; round++) {
        const path = `comes/${round % 3}/and/goes`;
        await made.files.write(WS, path, Buffer.from("x"));
        await made.files.remove(WS, path);
      }
      busy = false;
    })();
    while (busy) expect(await made.paths()).toContain("stays/here");
    await churn;
    expect(await made.paths()).toEqual(["stays/here"]);
  });
});
