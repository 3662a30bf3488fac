import { isUtf8 } from "node:buffer";
import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { type Directory, using } from "./directory.ts";
import { isObstacle, unless } from "./errors.ts";
import { MAX_LEVELS, pathProblem } from "./paths.ts";

/** Something below a directory: a file, a directory, or anything else a process may leave there. */
export interface Entry {
  /** The names that lead to it, as the bytes on disk. */
  readonly names: readonly Buffer[];
  /** The same as a path, or undefined where no valid path can say it (not UTF-8, a backslash, too long). */
  readonly path: string | undefined;
  /** Of the entry itself: symlinks are not followed. */
  readonly stats: Stats;
}

/**
 * Everything below a directory, what a directory holds before the directory itself. What appears or goes meanwhile may
 * or may not be in it. Directories at MAX_LEVELS are reported, but not entered: no path leads inside, and this way at
 * most MAX_LEVELS descriptors are open.
 */
export async function walk(top: Directory): Promise<Entry[]> {
  const entries: Entry[] = [];

  async function visit(directory: Directory, above: readonly Buffer[], prefix: string | undefined): Promise<void> {
    for (const name of await directory.names()) {
      const stats = await unless(["ENOENT"], lstat(directory.at(name)));
      if (stats === undefined) continue;
      const names = [...above, name];
      const path = pathTo(prefix, name);
      if (stats.isDirectory() && names.length < MAX_LEVELS) {
        const child = await openIfStillThere(directory, name);
        if (child === undefined) continue;
        await using(child, () => visit(child, names, path && `${path}/`));
      }
      entries.push({ names, path, stats });
    }
  }

  await visit(top, [], "");
  return entries;
}

function pathTo(prefix: string | undefined, name: Buffer): string | undefined {
  if (prefix === undefined || !isUtf8(name)) return undefined;
  const path = prefix + name.toString();
  return pathProblem(path) === undefined ? path : undefined;
}

async function openIfStillThere(directory: Directory, name: Buffer): Promise<Directory | undefined> {
  try {
    return await unless(["ENOENT"], directory.child(name));
  } catch (error) {
    if (isObstacle(error)) return undefined;
    throw error;
  }
}
