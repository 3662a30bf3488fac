import { renameSync, symlinkSync } from "node:fs";
import { mkdir, readdir, readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CONFINEMENT, type Confinement, Directory } from "../../src/files/directory.ts";
import { refusal, type Scratch, SECRET, scratch, WS } from "./scratch.ts";
import { onNextSync } from "./syncs.ts";

const available: Confinement[] = CONFINEMENT === "descriptors" ? ["descriptors", "paths"] : ["paths"];

describe.each(available)("confined by %s, a workspace's own process", (confinement) => {
  test("gains nothing by a symlink to a directory outside", async () => {
    const made = await scratch({ confinement });
    const outside = await made.outside();
    await made.plant("file", "file");
    await symlink(outside.path, made.at("link"));
    await mkdir(made.at("deep"));
    await symlink("../../../outside", made.at("deep/link"));

    for (const link of ["link", "deep/link"]) {
      const operations = [
        () => made.files.read(WS, `${link}/secret`),
        () => made.files.write(WS, `${link}/secret`, Buffer.from("overwritten")),
        () => made.files.write(WS, `${link}/new/file`, Buffer.from("new")),
        () => made.files.writeMany(WS, { other: "x", [`${link}/secret`]: "overwritten" }),
        () => made.files.remove(WS, `${link}/secret`),
      ];
      for (const operation of operations) {
        expect(await refusal(operation())).toEqual({ code: "not-a-file", message: `"${link}" is not a directory` });
      }
    }
    expect(await made.paths()).toEqual(["file"]);
    await outside.untouched();
  });

  test("gains nothing by a symlink to a file outside: it is not read, and itself replaced or removed", async () => {
    const made = await scratch({ confinement });
    const outside = await made.outside();
    await mkdir(made.at(), { recursive: true });
    for (const name of ["read", "written", "removed", "set"])
      await symlink(join(outside.path, "secret"), made.at(name));

    expect((await refusal(made.files.read(WS, "read"))).code).toBe("not-a-file");
    await made.files.write(WS, "written", Buffer.from("mine"));
    await made.files.remove(WS, "removed");
    await made.files.writeMany(WS, { set: "mine" });
    expect((await readdir(made.at())).sort()).toEqual(["read", "set", "written"]);
    expect(await made.contents()).toEqual({ set: "mine", written: "mine" });
    await outside.untouched();
  });

  test("gains nothing by dangling symlinks: nothing is created where they point", async () => {
    const made = await scratch({ confinement });
    await mkdir(made.at(), { recursive: true });
    await symlink(join(made.base, "created-file"), made.at("file"));
    await symlink(join(made.base, "created-directory"), made.at("directory"));
    await made.files.write(WS, "file", Buffer.from("x"));
    expect((await refusal(made.files.write(WS, "directory/x", Buffer.from("x")))).code).toBe("not-a-file");
    expect(await readdir(made.base)).toEqual(["root"]);
  });

  test("cannot make replaceAll delete, or write, what its symlinks point at", async () => {
    const made = await scratch({ confinement });
    const outside = await made.outside();
    await made.plant("old/file", "old");
    await symlink(outside.path, made.at("gone"));
    await symlink(outside.path, made.at("old/gone"));
    await symlink(outside.path, made.at("way"));
    await symlink(join(outside.path, "secret"), made.at("file"));

    await made.files.replaceAll(WS, { "way/secret": "inside", file: "inside" });
    expect(await made.contents()).toEqual({ file: "inside", "way/secret": "inside" });
    expect((await readdir(made.at())).sort()).toEqual(["file", "way"]);
    await outside.untouched();
  });

  test("cannot reach another workspace, nor our own directories", async () => {
    const made = await scratch({ confinement });
    await made.files.write("ws-2", "secret", Buffer.from("secret"));
    await made.plant("file", "file");
    await symlink("../ws-2", made.at("other"));
    await symlink("../.staging", made.at("staging"));
    expect((await refusal(made.files.read(WS, "other/secret"))).code).toBe("not-a-file");
    expect((await refusal(made.files.write(WS, "staging/x", Buffer.from("x")))).code).toBe("not-a-file");
    await made.files.replaceAll(WS, {});
    expect(await made.files.list("ws-2")).toHaveLength(1);
  });

  test("is refused a directory that was swapped for a symlink since it was listed", async () => {
    const made = await scratch({ confinement });
    const outside = await made.outside();
    await made.plant("a/secret", "inside");
    const top = await Directory.open(made.at(), confinement);
    await rename(made.at("a"), made.at("b"));
    await symlink(outside.path, made.at("a"));
    await expect(top.child("a")).rejects.toThrow(/ENOTDIR|ELOOP/);
    top.close();
  });
});

describe.runIf(CONFINEMENT === "descriptors")("confined by descriptors", () => {
  test("a directory swapped for a symlink between being opened and being used leads nowhere else", async () => {
    const made = await scratch();
    const outside = await made.outside();
    await made.plant("a/secret", "inside");
    const top = await Directory.open(made.at());
    const opened = await top.child("a");
    await rename(made.at("a"), made.at("moved"));
    await symlink(outside.path, made.at("a"));

    expect(await readFile(opened.at("secret"), "utf8")).toBe("inside");
    await writeFile(opened.at("new"), "new");
    await unlink(opened.at("secret"));
    expect(await readdir(made.at("moved"))).toEqual(["new"]);
    opened.close();
    top.close();
    expect(() => opened.at("secret")).toThrow("closed");
    await outside.untouched();
  });

  test("a directory swapped for a symlink while the bytes are synced leads the file nowhere else", async () => {
    const made = await scratch();
    const outside = await made.outside();
    await made.plant("a/secret", "old");
    onNextSync(() => {
      renameSync(made.at("a"), made.at("moved"));
      symlinkSync(outside.path, made.at("a"));
    });
    await made.files.write(WS, "a/secret", Buffer.from("new"));
    expect(await readFile(made.at("moved/secret"), "utf8")).toBe("new");
    await outside.untouched();
  });

  test("a process that swaps directory and symlink all the time never leads anything outside", async () => {
    const made = await scratch();
    const outside = await made.outside();
    const results = await whileSwapping(made, outside.path, () => [
      made.files.write(WS, "a/d/secret", Buffer.from("inside")).then(() => made.text("a/d/secret")),
      made.text("a/d/secret"),
      made.files.list(WS).then((listed) => listed.map(({ bytes }) => bytes)),
      made.files.write(WS, "a/d/new", Buffer.from("new")),
      made.files.remove(WS, "a/d/secret"),
      made.files.remove(WS, "a/d/new"),
      made.files.writeMany(WS, { "a/d/secret": "inside" }),
      made.files.replaceAll(WS, { "a/d/secret": "inside", "a/d/more": "inside" }),
    ]);
    const seen = results.flatMap((result) => (result.status === "fulfilled" ? result.value : result.reason.code));
    expect(seen).not.toContain(SECRET);
    expect(seen).not.toContain(SECRET.length);
    await outside.untouched();
    // Nothing but refusals, and both were met: the directory, and the symlink in its place.
    expect(seen).not.toContain("ENOTDIR");
    expect(seen).toEqual(expect.arrayContaining(["inside", "not-a-file"]));
  });
});

/** Does all operations again and again while `a/d` becomes, in turns, a directory, nothing, and a symlink to `target`. */
async function whileSwapping(
  made: Scratch,
  target: string,
  operations: () => Promise<unknown>[],
): Promise<PromiseSettledResult<unknown>[]> {
  await made.plant("a/d/secret", "inside");
  const aside = join(made.base, "aside");
  let working = true;
  const swapping = (async () => {
    // Operations in between make some of the steps fail; the next turn starts afresh from whatever is there.
    const ignored = () => {};
    for (let turn = 0; working; turn++) {
      await readdir(made.at("a/d")).catch(ignored);
      await rename(made.at("a/d"), aside).catch(ignored);
      await symlink(target, made.at("a/d")).catch(ignored);
      await rename(made.at("a/d"), join(made.base, `swapped-out-${turn}`)).catch(ignored);
      await rename(aside, made.at("a/d")).catch(ignored);
    }
  })();
  const results: PromiseSettledResult<unknown>[] = [];
  for (let round = 0; round < 60; round++) results.push(...(await Promise.allSettled(operations())));
  working = false;
  await swapping;
  return results;
}
