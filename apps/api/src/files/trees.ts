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

/** A directory of a tree, and those above it from the tree's own down. */
export interface Way {
  readonly above: readonly Directory[];
  readonly here: Directory;
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

  /** Resolves once it is on disk which trees there are. */
  async syncRoot(): Promise<void> {
    await using(await this.openRoot(), (root) => root.sync());
  }

  /**
   * Opens `<root>/<tree>/<names…>`, step by step.
   * @throws ENOENT when a directory is missing, or removed while it was made (make it again then);
   *   FileError `not-a-file` when something else is where one is needed
   */
  async open(tree: string, names: readonly Name[], options: OpenOptions = {}): Promise<Directory> {
    const { above, here } = await this.openWay(tree, names, options);
    closeAll(above);
    return here;
  }

  /** The same, with all directories that led there: whoever opens them closes them. */
  async openWay(tree: string, names: readonly Name[], options: OpenOptions = {}): Promise<Way> {
    const above: Directory[] = [];
    let here = await this.#top(tree, options);
    try {
      for (const [index, name] of names.entries()) {
        above.push(here);
        here = await step(here, name, options, names.slice(0, index + 1).join("/"));
      }
      return { above, here };
    } catch (error) {
      closeAll(above);
      throw error;
    }
  }

  /** A tree's own directory. */
  async #top(tree: string, { make = false }: OpenOptions): Promise<Directory> {
    try {
      return await Directory.openIn(this.#root, tree, this.#confinement);
    } catch {
      // Step by step it is made, or told what is in the way, or that the root is.
      return using(await this.openRoot(), (root) => step(root, tree, { make }, tree));
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

export function closeWay({ above, here }: Way): void {
  closeAll(above);
  here.close();
}

function closeAll(directories: readonly Directory[]): void {
  for (const directory of directories) directory.close();
}

async function step(here: Directory, name: Name, options: OpenOptions, path: string): Promise<Directory> {
  try {
    return await into(here, name, options);
  } catch (error) {
    if (!isObstacle(error)) throw error;
    if (options.clear === undefined) throw new FileError("not-a-file", `${quoted(path)} is not a directory`);
    await options.clear(here, name);
    throw error;
  }
}

async function into(here: Directory, name: Name, { make }: OpenOptions): Promise<Directory> {
  if (!make) return here.child(name);
  // Most often it is there.
  const child = await unless(["ENOENT"], here.child(name));
  if (child !== undefined) return child;
  await here.make(name);
  return here.child(name);
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
