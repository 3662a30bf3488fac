import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { refusal, scratch, WS } from "./scratch.ts";

const REFUSED: [what: string, path: string, named: string][] = [
  ["empty", "", "empty"],
  ["parent", "..", 'segment 1, ".."'],
  ["parent in front", "../ws-2/x", 'segment 1, ".."'],
  ["parent in the middle", "a/../../x", 'segment 2, ".."'],
  ["parent at the end", "a/..", 'segment 2, ".."'],
  ["dot", "./a", 'segment 1, "."'],
  ["absolute", "/etc/passwd", "absolute"],
  ["two slashes", "a//b", "segment 2"],
  ["slash at the end", "a/", "segment 2"],
  ["NUL", "a\0b", "NUL"],
  ["NUL behind an innocent ending", "a.txt\0/../../x", "NUL"],
  ["backslash", "a\\..\\b", "backslash"],
  ["lone surrogate", "a\ud800b", "Unicode"],
  ["segment of 256 bytes", `a/${"x".repeat(256)}`, "longer than 255 bytes"],
  ["segment of 256 bytes in 128 letters", "é".repeat(128), "longer than 255 bytes"],
  ["1025 bytes", `${"x/".repeat(4)}${`${"y".repeat(250)}/`.repeat(4)}${"z".repeat(13)}`, "longer than 1024 bytes"],
  ["33 levels", `${"a/".repeat(32)}b`, "33 levels"],
];

const ACCEPTED: [what: string, path: string][] = [
  ["dots that are not a step", "..a/b..c/..."],
  ["dot file", ".env"],
  ["segment of 255 bytes", "x".repeat(255)],
  ["1024 bytes", `${"x/".repeat(4)}${`${"y".repeat(250)}/`.repeat(4)}${"z".repeat(12)}`],
  ["32 levels", `${"a/".repeat(31)}b`],
  ["spaces, line breaks and other scripts", "a b/ñ\n/日本.txt"],
  ["what means something in a URL", "a%2e%2e?b#c"],
  ["names objects have", "__proto__/constructor"],
];

describe("a path", () => {
  test.each(REFUSED)("is refused everywhere, naming the part: %s", async (_, path, named) => {
    const { files } = await scratch();
    const operations = [
      () => files.read(WS, path),
      () => files.write(WS, path, Buffer.from("x")),
      () => files.remove(WS, path),
      () => files.writeMany(WS, { [path]: "x" }),
      () => files.replaceAll(WS, { [path]: "x" }),
    ];
    for (const operation of operations) {
      const { code, message } = await refusal(operation());
      expect(code).toBe("invalid-path");
      expect(message).toContain(named);
    }
    expect(await files.exists(WS)).toBe(false);
  });

  test.each(ACCEPTED)("is accepted: %s", async (_, path) => {
    const made = await scratch();
    const { files } = made;
    await files.write(WS, path, Buffer.from("there"));
    expect(await made.paths()).toEqual([path]);
    expect(await made.text(path)).toBe("there");
    expect(await files.remove(WS, path)).toBe(true);
    await files.replaceAll(WS, Object.fromEntries([[path, "again"]]));
    expect(await made.text(path)).toBe("again");
  });
});

describe("a workspace's name", () => {
  const refused = ["", ".", "..", ".staging", ".control", "a/b", "a\\b", "a b", "a\0", "ä", "a\n", "x".repeat(129)];
  test.each(refused)("is refused everywhere: %j", async (name) => {
    const { files } = await scratch();
    const operations = [
      () => files.exists(name),
      () => files.list(name),
      () => files.read(name, "x"),
      () => files.write(name, "x", Buffer.from("x")),
      () => files.remove(name, "x"),
      () => files.writeMany(name, { x: "x" }),
      () => files.replaceAll(name, { x: "x" }),
    ];
    for (const operation of operations) expect((await refusal(operation())).code).toBe("invalid-path");
  });

  test.each(["a", "-", "_.", "A.b-c_9", "x".repeat(128)])("is accepted: %s", async (name) => {
    const { files } = await scratch();
    expect(await files.exists(name)).toBe(false);
    await files.write(name, "x", Buffer.from("x"));
    expect(await files.exists(name)).toBe(true);
  });

  test("leads to no other workspace through a symlink", async () => {
    const { files, root } = await scratch();
    await files.write("other", "x", Buffer.from("x"));
    await symlink(join(root, "other"), join(root, WS));
    expect(await files.exists(WS)).toBe(false);
    const operations = [
      () => files.list(WS),
      () => files.read(WS, "x"),
      () => files.write(WS, "x", Buffer.from("y")),
      () => files.replaceAll(WS, {}),
      () => files.remove(WS, "x"),
    ];
    for (const operation of operations) {
      expect((await refusal(operation())).code).toBe("not-a-file");
    }
  });
});
