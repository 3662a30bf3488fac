import { execFileSync, spawn } from "node:child_process";
import { mkdir, readdir, symlink, utimes, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type FileSet, WorkspaceFiles } from "../../src/files/index.ts";
import { removeIfSame } from "../../src/files/removal.ts";
import { Trees } from "../../src/files/trees.ts";
import { refusal, scratch, WS } from "./scratch.ts";
import { failSync } from "./syncs.ts";

const OLD = { "a/old": "old a", both: "old b", "c/d/old": "old d" };
const NEW = { "a/new": "new a", both: "new b", "e/f/new": "new f" };

describe("writing many", () => {
  test("writes over the workspace's files and leaves the others", async () => {
    const made = await scratch();
    await made.files.writeMany(WS, OLD);
    expect(await made.files.writeMany(WS, { both: "new b", "e/f/new": Buffer.from([0, 255]) })).toMatchObject([
      { path: "both", bytes: 5 },
      { path: "e/f/new", bytes: 2 },
    ]);
    expect(await made.paths()).toEqual(["a/old", "both", "c/d/old", "e/f/new"]);
    expect(await made.text("both")).toBe("new b");
    expect(await made.bytes("e/f/new")).toEqual(Buffer.from([0, 255]));
  });

  test("writes nothing when one of them cannot be put in place", async () => {
    const made = await scratch();
    await made.files.writeMany(WS, OLD);
    expect((await refusal(made.files.writeMany(WS, { "0": "x", c: "x" }))).message).toBe('"c" is a directory');
    expect((await refusal(made.files.writeMany(WS, { "0": "x", "both/x": "x" }))).code).toBe("not-a-file");
    expect(await made.contents()).toEqual(OLD);
  });
});

describe("replacing all", () => {
  test("leaves exactly the new set, and no directory of the old one", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, OLD);
    await made.files.replaceAll(WS, NEW);
    expect(await made.contents()).toEqual(NEW);
    expect((await readdir(made.at())).sort()).toEqual(["a", "both", "e"]);
  });

  test("with nothing empties the workspace, and keeps its directory", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, OLD);
    expect(await made.files.replaceAll(WS, {})).toEqual([]);
    expect(await readdir(made.at())).toEqual([]);
  });

  test("puts a file where a directory was, and the other way round", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, { "x/y/z": "was below a directory", f: "was a file" });
    await made.files.replaceAll(WS, { x: "is a file", "f/g/h": "is below a directory" });
    expect(await made.contents()).toEqual({ x: "is a file", "f/g/h": "is below a directory" });
  });

  test("removes also what no path can name: symlinks, pipes, other bytes, and any depth", async () => {
    const made = await scratch();
    await made.plant("file", "");
    await symlink("file", made.at("link"));
    execFileSync("mkfifo", [made.at("pipe")]);
    await mkdir(made.at("empty/directory"), { recursive: true });
    await made.plant("back\\slash", "");
    // Other systems refuse names that are not UTF-8.
    if (process.platform === "linux") {
      const latin = Buffer.concat([Buffer.from(made.at("latin-")), Buffer.from([0xe9])]);
      await mkdir(latin);
      await writeFile(Buffer.concat([latin, Buffer.from("/"), Buffer.from([0xff])]), "");
    }
    await made.plant(`${"deep/".repeat(80)}down/file`, "");
    await made.files.replaceAll(WS, { only: "this" });
    expect(await readdir(made.at())).toEqual(["only"]);
  });

  test("that fails while it is staged leaves the old set, and nothing staged", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, OLD);
    failSync(3);
    await expect(made.files.replaceAll(WS, NEW)).rejects.toThrow("no space left");
    expect(await made.contents()).toEqual(OLD);
    expect(await made.staged()).toEqual([]);
  });

  test("that fails while it is put in place shows old and new files, all whole, until it is tried again", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, OLD);
    // The three files are synced while they are staged; what fails is the first directory, with all files in place.
    failSync(4);
    await expect(made.files.replaceAll(WS, NEW)).rejects.toThrow("no space left");
    expect(await made.contents()).toEqual({ ...OLD, ...NEW });
    await made.files.replaceAll(WS, NEW);
    expect(await made.contents()).toEqual(NEW);
  });

  test("killed at any moment leaves every file whole, and the same call again completes it", async () => {
    const made = await scratch();
    const old = setOf("old");
    await made.files.replaceAll(WS, old);
    await killWhileReplacing(made.root, async () => (await readdir(made.at())).some((name) => name.startsWith("new")));

    const seen = await made.contents();
    const versions = [old, setOf("new")];
    for (const [path, content] of Object.entries(seen)) {
      expect(versions.map((version) => version[path])).toContain(content);
    }
    // The old files are removed only once the new ones are all there.
    for (const path of Object.keys(old)) {
      if (!(path in seen)) expect(Object.keys(seen)).toEqual(expect.arrayContaining(Object.keys(setOf("new"))));
    }
    await made.files.replaceAll(WS, setOf("new"));
    expect(await made.contents()).toEqual(setOf("new"));

    const past = new Date(Date.now() - 2 * 60 * 60 * 1000);
    for (const name of await made.staged()) await utimes(join(made.root, ".staging", name), past, past);
    await WorkspaceFiles.open({ directory: made.root });
    expect(await made.staged()).toEqual([]);
  });

  test("leaves what others write meanwhile", async () => {
    const made = await scratch();
    for (let round = 0; round < 15; round++) {
      await made.files.replaceAll(WS, OLD);
      const [path, content] = [`a/meanwhile-${round}`, Buffer.from("meanwhile")];
      const replacing = made.files.replaceAll(WS, NEW);
      // What is on disk before the replacement looks belongs to the old set: start when it has staged something.
      await vi.waitUntil(async () => (await made.staged()).length > 0, { interval: 0, timeout: 10_000 });
      await Promise.all([replacing, made.files.write(WS, path, content)]);
      expect(await made.paths()).toContain(path);
    }
  });

  test("does not remove a file that was replaced since it was looked at", async () => {
    const made = await scratch();
    await made.files.replaceAll(WS, OLD);
    const trees = new Trees(made.root);
    const before = await trees.entries(WS);
    await made.files.write(WS, "both", Buffer.from("new b"));
    for (const entry of before) await removeIfSame(trees, WS, entry, () => Promise.reject(new Error("unexpected")));
    expect(await made.contents()).toEqual({ both: "new b" });
  });

  test("twice at the same time ends in both sets, never in less than either", async () => {
    const made = await scratch();
    for (let round = 0; round < 15; round++) {
      await made.files.replaceAll(WS, OLD);
      const other = { "a/other": "other", both: "other b" };
      const replica = await WorkspaceFiles.open({ directory: made.root });
      await Promise.all([made.files.replaceAll(WS, NEW), replica.replaceAll(WS, other)]);
      const paths = await made.paths();
      const holds = [NEW, other].map((set) => Object.keys(set).every((path) => paths.includes(path)));
      expect(holds).toContain(true);
      expect(["new b", "other b"]).toContain(await made.text("both"));
    }
  });
});

describe.each(["writeMany", "replaceAll"] as const)("a set for %s is refused as a whole", (operation) => {
  async function refused(options: object, files: FileSet) {
    const made = await scratch(options);
    await made.plant("old", "old");
    const answer = await refusal(made.files[operation](WS, files));
    expect(await made.contents()).toEqual({ old: "old" });
    return answer;
  }

  test("with more than 200 files", async () => {
    const files = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`f${index}`, ""]));
    expect(await refused({}, files)).toEqual({
      code: "too-many-files",
      message: "201 files: at most 200 are accepted at once",
    });
  });

  test("with one file too large, counted in bytes", async () => {
    expect(await refused({ maxFileBytes: 5 }, { a: "12345", b: "ééé" })).toEqual({
      code: "too-large",
      message: '"b" has more than 5 bytes',
    });
  });

  test("with too many bytes in all", async () => {
    expect((await refused({ maxSetBytes: 10 }, { a: "12345", b: "123456" })).code).toBe("too-large");
  });

  test("with one path invalid", async () => {
    expect((await refused({}, { fine: "x", "../x": "x" })).code).toBe("invalid-path");
  });

  test("with a file where another needs a directory", async () => {
    expect(await refused({}, { "a/b/c": "x", "a/b": "x" })).toEqual({
      code: "invalid-path",
      message: 'path "a/b/c": "a/b" is a file of the same set',
    });
  });
});

test("200 files of as many bytes as the limits allow are accepted", async () => {
  const made = await scratch({ maxFileBytes: 10, maxSetBytes: 2000 });
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`d${index % 7}/f${index}`, "0123456789"]),
  );
  await made.files.replaceAll(WS, files);
  expect(await made.contents()).toEqual(files);
});

function setOf(version: string): Record<string, string> {
  const names = Array.from({ length: 60 }, (_, index) => index);
  return Object.fromEntries(
    names.flatMap((index) => [
      [`${version}-${index}`, `${version} ${index} `.repeat(100)],
      [`both/${index}`, `${version} ${index} `.repeat(100)],
    ]),
  );
}

/** Lets another process replace the workspace's files by the new set, and kills it as soon as `reached` says so. */
async function killWhileReplacing(root: string, reached: () => Promise<boolean>): Promise<void> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const script = `
    const { WorkspaceFiles } = await import(${JSON.stringify(new URL("../../src/files/index.ts", import.meta.url).href)});
    const files = await WorkspaceFiles.open({ directory: ${JSON.stringify(root)} });
    await files.replaceAll(${JSON.stringify(WS)}, ${JSON.stringify(setOf("new"))});
  `;
  const child = spawn(process.execPath, ["--import", tsx, "--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.once("exit", (_, signal) => resolve(signal)));
  onTestFinished(() => void child.kill("SIGKILL"));
  await vi.waitUntil(reached, { interval: 0, timeout: 15_000 });
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
}
