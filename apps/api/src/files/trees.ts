import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { FileContents } from "./contents.ts";
import { type Confinement, Directory, type Name, using } from "./directory.ts";
import { FileError, failedWith, isObstacle, unless } from "./errors.ts";
import { quoted } from "./paths.ts";
import { type Entry, walk } from "./walk.ts";

/** An open file: what was there when it was opened, whatever replaces it meanwhile. */
export interface OpenFile {
  /** The length of `stream`. */
  readonly bytes: number;
  readonly modifiedAt: Date;
  /** Holds a descriptor: read it to the end or destroy it. */
  readonly stream: FileContents;
}

export interface OpenOptions {
  /** Makes the directories that are missing. */
  readonly make?: boolean;
  /**
   * Called for what stands where a directory is needed, to move it out of the way; after that it still fails, with
   * ENOTDIR or ELOOP, and may be tried again. Without it that is a FileError.
   */
  readonly clear?: (parent: Directory, name: Name) => Promise<void>;
}

/**
 * Directory trees side by side in one root: `<root>/<tree>/…`, a tree being a workspace or a template. The reading half;
 * it trusts the root, and nothing inside a tree.
 */
export class Trees {
  readonly #root: string;
  readonly #confinement: Confinement | undefined;

  constructor(root: string, confinement?: Confinement) {
    this.#root = root;
    this.#confinement = confinement;
  }

  /** The root itself. That it cannot be opened is the operator's trouble, never a `not-found`. */
  async openRoot(): Promise<Directory> {
    try {
      return await Directory.open(this.#root, this.#confinement);
    } catch (error) {
      throw new Error(`cannot open the directory ${this.#root}`, { cause: error });
    }
  }

  /**
   * Opens `<root>/<tree>/<names…>`, step by step.
   * @throws ENOENT when a directory is missing, or removed while it was made (make it again then);
   *   FileError `not-a-file` when something else is where one is needed
   */
  async open(tree: string, names: readonly Name[], options: OpenOptions = {}): Promise<Directory> {
    let here = await this.openRoot();
    try {
      here = await step(here, tree, { make: options.make ?? false }, tree);
      for (const [index, name] of names.entries()) {
        here = await step(here, name, options, names.slice(0, index + 1).join("/"));
      }
      return here;
    } catch (error) {
      await here.close();
      throw error;
    }
  }

  /** Whether the tree has a directory. */
  async exists(tree: string): Promise<boolean> {
    return using(await this.openRoot(), async (root) => {
      const stats = await unless(["ENOENT"], lstat(root.at(tree)));
      return stats?.isDirectory() ?? false;
    });
  }

  /** The names of all directories in the root. */
  async names(): Promise<string[]> {
    return using(await this.openRoot(), async (root) => {
      const names: string[] = [];
      for (const name of await root.names()) {
        const stats = await unless(["ENOENT"], lstat(root.at(name)));
        if (stats?.isDirectory()) names.push(name.toString());
      }
      return names;
    });
  }

  /** Everything in the tree; nothing when it has no directory. */
  async entries(tree: string): Promise<Entry[]> {
    const top = await unless(["ENOENT"], this.open(tree, []));
    return top === undefined ? [] : using(top, walk);
  }

  /**
   * What is at a path, symlinks not followed, or undefined.
   * @throws FileError `not-a-file` when something else is where a directory is needed
   */
  async stats(tree: string, segments: readonly string[]): Promise<Stats | undefined> {
    const parent = await unless(["ENOENT"], this.open(tree, segments.slice(0, -1)));
    if (parent === undefined) return undefined;
    return using(parent, () => unless(["ENOENT"], lstat(parent.at(segments.at(-1) ?? ""))));
  }

  /**
   * Opens a regular file to read.
   * @throws FileError `not-found`, `not-a-file`
   */
  async read(tree: string, segments: readonly string[]): Promise<OpenFile> {
    const path = segments.join("/");
    try {
      const parent = await this.open(tree, segments.slice(0, -1));
      const handle = await using(parent, () => openRegular(parent.at(segments.at(-1) ?? ""), path));
      return await opened(handle, path);
    } catch (error) {
      if (failedWith(error, "ENOENT")) throw new FileError("not-found", `${quoted(path)} does not exist`);
      throw error;
    }
  }
}

/** Into `name`; closes `here` once that has worked. */
async function step(here: Directory, name: Name, options: OpenOptions, path: string): Promise<Directory> {
  if (options.make) await here.make(name);
  const next = await here.child(name).catch(async (error: unknown) => {
    if (!isObstacle(error)) throw error;
    if (options.clear === undefined) throw new FileError("not-a-file", `${quoted(path)} is not a directory`);
    await options.clear(here, name);
    throw error;
  });
  await here.close();
  return next;
}

async function openRegular(place: Buffer, path: string): Promise<FileHandle> {
  // Looked at first: merely opening a pipe wakes its writer, and opening a device can do anything.
  requireRegular(await lstat(place), path);
  // And if it was swapped since: a symlink is not followed, a pipe does not make us wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(place, flags);
  } catch (error) {
    if (isObstacle(error) || failedWith(error, "ENXIO")) throw notRegular(path, "a file any more");
    throw error;
  }
}

async function opened(handle: FileHandle, path: string): Promise<OpenFile> {
  try {
    const stats = await handle.stat();
    requireRegular(stats, path);
    return { bytes: stats.size, modifiedAt: stats.mtime, stream: new FileContents(handle, stats.size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function requireRegular(stats: Stats, path: string): void {
  if (stats.isDirectory()) throw notRegular(path, "a file, but a directory");
  if (stats.isSymbolicLink()) throw notRegular(path, "a file, but a symlink, and those are not followed");
  if (!stats.isFile()) throw notRegular(path, "a regular file, but a pipe, socket or device");
}

function notRegular(path: string, what: string): FileError {
  return new FileError("not-a-file", `${quoted(path)} is not ${what}`);
}
