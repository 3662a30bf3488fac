import { lstat, rmdir, unlink } from "node:fs/promises";
import { type Directory, isDirectoryRefusal, type Name, using } from "./directory.ts";
import { FileError, failedWith, unless, unlessGone } from "./errors.ts";
import { MAX_LEVELS, quoted } from "./paths.ts";
import type { OpenOptions, Trees } from "./trees.ts";
import type { Entry } from "./walk.ts";

/**
 * Removes what is at a path, unless that is a directory; durable once it resolves.
 * @returns whether it existed
 * @throws FileError `not-a-file`
 */
export async function removeFile(trees: Trees, workspace: string, segments: readonly string[]): Promise<boolean> {
  try {
    await using(await trees.open(workspace, segments.slice(0, -1)), async (parent) => {
      await unlink(parent.at(segments.at(-1) ?? ""));
      await parent.sync();
    });
    return true;
  } catch (error) {
    if (failedWith(error, "ENOENT")) return false;
    if (isDirectoryRefusal(error) && (await trees.stats(workspace, segments))?.isDirectory()) {
      throw new FileError("not-a-file", `${quoted(segments.join("/"))} is a directory`);
    }
    throw error;
  }
}

/** Removes a directory and those above it, as far as they are empty. The workspace's own always stays. */
export async function prune(trees: Trees, workspace: string, directory: readonly string[]): Promise<void> {
  for (let depth = directory.length; depth > 0; depth--) {
    const names = directory.slice(0, depth);
    const removed = await unlessGone(async () =>
      using(await trees.open(workspace, names.slice(0, -1)), async (parent) => {
        if (!(await removeEmpty(parent, names.at(-1) ?? ""))) return false;
        await parent.sync();
        return true;
      }),
    );
    if (!removed) return;
  }
}

/**
 * Removes an entry, unless it is gone or somebody has put another in its place since it was looked at. Of directories,
 * those that are empty, and those so deep that no path leads into them.
 */
export async function removeIfSame(
  trees: Trees,
  workspace: string,
  { names, stats: before }: Entry,
  discard: NonNullable<OpenOptions["clear"]>,
): Promise<void> {
  const name = names.at(-1) ?? "";
  await unlessGone(async () =>
    using(await trees.open(workspace, names.slice(0, -1)), async (parent) => {
      const now = await lstat(parent.at(name));
      // An inode's number alone may have been given out again.
      if (now.ino !== before.ino || now.birthtimeMs !== before.birthtimeMs) return;
      if (!now.isDirectory()) await unlink(parent.at(name));
      else if (names.length < MAX_LEVELS) await removeEmpty(parent, name);
      else await discard(parent, name);
    }),
  );
}

async function removeEmpty(parent: Directory, name: Name): Promise<boolean> {
  const stillNeeded = ["ENOTEMPTY", "EEXIST", "EBUSY"];
  return (
    (await unless(
      stillNeeded,
      rmdir(parent.at(name)).then(() => true),
    )) ?? false
  );
}
