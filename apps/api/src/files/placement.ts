import { rename } from "node:fs/promises";
import { type Directory, type Name, using } from "./directory.ts";
import { FileError, failedWith, isObstacle, unlessGone } from "./errors.ts";
import { quoted } from "./paths.ts";
import type { StagedFile } from "./staging.ts";
import type { OpenOptions, Trees } from "./trees.ts";

/** How often a file is put in place again when others got in the way; each time one of them has succeeded. */
const MAX_ATTEMPTS = 100;

/**
 * The permission bits of the file a write will replace: a script stays executable. Asked before a source is read, which
 * also refuses early what cannot work, unless what is in the way will be cleared.
 * @throws FileError `not-a-file`
 */
export async function modeToKeep(
  trees: Trees,
  workspace: string,
  segments: readonly string[],
  options: OpenOptions = {},
): Promise<number | undefined> {
  try {
    const stats = await trees.stats(workspace, segments);
    if (stats?.isDirectory()) throw directoryInTheWay(segments);
    return stats?.isFile() ? stats.mode & 0o777 : undefined;
  } catch (error) {
    if (options.clear !== undefined && error instanceof FileError) return undefined;
    throw error;
  }
}

/**
 * Renames a staged file to its path, making directories. Tries again when one of them is pruned under our feet, and after
 * each thing that was cleared out of the way.
 */
export async function place(
  trees: Trees,
  workspace: string,
  segments: readonly string[],
  staged: StagedFile,
  options: OpenOptions = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const parent = await trees.open(workspace, segments.slice(0, -1), { ...options, make: true });
      return await using(parent, () => renameInto(parent, segments, staged, options));
    } catch (error) {
      const pruned = failedWith(error, "ENOENT");
      const cleared = options.clear !== undefined && (isObstacle(error) || failedWith(error, "EISDIR"));
      if (!(pruned || cleared) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

async function renameInto(
  parent: Directory,
  segments: readonly string[],
  staged: StagedFile,
  options: OpenOptions,
): Promise<void> {
  const name = segments.at(-1) ?? "";
  try {
    await rename(staged.place, parent.at(name));
  } catch (error) {
    if (!failedWith(error, "EISDIR")) throw error;
    if (options.clear === undefined) throw directoryInTheWay(segments);
    await options.clear(parent, name);
    throw error;
  }
}

/** Makes durable which names these directories have, all above them, and that the workspace has one. */
export async function syncDirectories(
  trees: Trees,
  workspace: string,
  directories: readonly (readonly Name[])[],
): Promise<void> {
  const distinct = new Map<string, readonly Name[]>([["", []]]);
  for (const directory of directories) {
    for (let depth = 1; depth <= directory.length; depth++) {
      const names = directory.slice(0, depth);
      distinct.set(names.map((name) => Buffer.from(name).toString("latin1")).join("/"), names);
    }
  }
  await using(await trees.openRoot(), (root) => root.sync());
  for (const names of distinct.values()) {
    await unlessGone(async () => using(await trees.open(workspace, names), (directory) => directory.sync()));
  }
}

function directoryInTheWay(segments: readonly string[]): FileError {
  return new FileError("not-a-file", `${quoted(segments.join("/"))} is a directory`);
}
