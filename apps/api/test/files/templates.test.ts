import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Templates } from "../../src/files/index.ts";
import { refusal, scratch, WS } from "./scratch.ts";

async function templateDirectory(files: Record<string, string | Buffer>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "templates-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

test("a template is loaded with all its files, and written over a workspace's, leaving the others", async () => {
  const made = await scratch();
  const binary = Buffer.from([0, 255, 128]);
  const directory = await templateDirectory({
    "node/src/index.js": "run()",
    "node/logo": binary,
    "python/main.py": "",
  });
  const files = await new Templates({ directory }).load("node");
  expect(files).toEqual({ "src/index.js": Buffer.from("run()"), logo: binary });

  await made.plant("src/index.js", "mine");
  await made.plant("notes", "mine");
  await made.files.writeMany(WS, files);
  expect(await made.paths()).toEqual(["logo", "notes", "src/index.js"]);
  expect(await made.text("src/index.js")).toBe("run()");
  expect(await made.bytes("logo")).toEqual(binary);
});

test("names are the directories whose names are valid, sorted", async () => {
  const directory = await templateDirectory({ "b/x": "", "a/x": "", ".git/x": "", "not a name/x": "", file: "" });
  expect(await new Templates({ directory }).names()).toEqual(["a", "b"]);
  expect(await new Templates({}).names()).toEqual([]);
});

test("an unknown name is not found, and told which there are, ten at most", async () => {
  const few = await templateDirectory({ "b/x": "", "a/x": "" });
  expect(await refusal(new Templates({ directory: few }).load("c"))).toEqual({
    code: "not-found",
    message: 'no template "c": there are a, b',
  });
  const twelve = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`t${index + 10}/x`, ""]));
  const many = await templateDirectory(twelve);
  expect((await refusal(new Templates({ directory: many }).load("c"))).message).toBe(
    'no template "c": there are t10, t11, t12, t13, t14, t15, t16, t17, t18, t19 and 2 more',
  );
  expect((await refusal(new Templates({}).load("c"))).message).toBe('no template "c": there are none');
});

test.each(["../etc", "a/b", "", ".git"])("a name that is none is refused: %j", async (name) => {
  const directory = await templateDirectory({ "a/x": "", ".git/x": "" });
  expect((await refusal(new Templates({ directory }).load(name))).code).toBe("invalid-path");
});

test("a symlink in a template is an error, not a hole", async () => {
  const directory = await templateDirectory({ "a/x": "" });
  await symlink("x", join(directory, "a", "link"));
  expect(await refusal(new Templates({ directory }).load("a"))).toEqual({
    code: "not-a-file",
    message: 'template "a": "link" is not a regular file with a valid path',
  });
});

test("the limits of sets are a template's, too", async () => {
  const directory = await templateDirectory({ "a/x": "12345", "a/y": "12345" });
  expect((await refusal(new Templates({ directory, maxSetFiles: 1 }).load("a"))).code).toBe("too-many-files");
  expect((await refusal(new Templates({ directory, maxSetBytes: 9 }).load("a"))).code).toBe("too-large");
  expect((await refusal(new Templates({ directory, maxFileBytes: 4 }).load("a"))).code).toBe("too-large");
  expect(Object.keys(await new Templates({ directory, maxSetFiles: 2, maxSetBytes: 10 }).load("a"))).toHaveLength(2);
});

test("a directory of templates that is missing is an operator's trouble, not an unknown name", async () => {
  const directory = join(await templateDirectory({}), "missing");
  await expect(new Templates({ directory }).load("a")).rejects.toThrow("cannot open the directory");
});
