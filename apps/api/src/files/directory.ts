import { constants, existsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath } from "node:fs/promises";
import { failedWith, unless } from "./errors.ts";

/** A name in a directory: bytes where it comes from the disk, where not every name is UTF-8. */
export type Name = string | Buffer;

/**
 * How a step into a directory is kept from being led elsewhere.
 *
 * - `descriptors` (Linux with /proc): every name is looked up in a directory that is held open, through
 *   `/proc/self/fd/<fd>/<name>`, which is what openat(2) does. A directory swapped for a symlink after it was opened
 *   changes nothing.
 * - `paths` (elsewhere): every step refuses symlinks and its place is checked once it is open, but later names are looked
 *   up by path again. Symlinks that lie there are never followed; one swapped in between check and use may be.
 */
export type Confinement = "descriptors" | "paths";

/** The strongest this machine has. */
export const CONFINEMENT: Confinement =
  process.platform === "linux" && existsSync("/proc/self/fd") ? "descriptors" : "paths";

/**
 * A directory held open. Steps lead down only, one name at a time and never through a symlink.
 *
 * Names given to it must be single segments (see segmentsOf). Whoever opens one closes it.
 */
export class Directory {
  readonly #handle: FileHandle;
  readonly #location: Buffer;
  readonly #confinement: Confinement;

  private constructor(handle: FileHandle, location: Buffer, confinement: Confinement) {
    this.#handle = handle;
    this.#location = location;
    this.#confinement = confinement;
  }

  /** Opens the place where steps begin. It is the operator's: symlinks on the way to it are followed. */
  static async open(path: string, confinement: Confinement = CONFINEMENT): Promise<Directory> {
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      const location = confinement === "descriptors" ? reachOf(handle) : Buffer.from(await realpath(path));
      return new Directory(handle, location, confinement);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /**
   * The path to hand to a file system call for an entry of this directory. The call must be over before close(): the
   * descriptor's number may mean another directory afterwards. It must be one that does not follow a symlink, too.
   */
  at(name: Name): Buffer {
    if (this.#handle.fd < 0) throw new Error("the directory is closed");
    return join(this.#location, name);
  }

  /**
   * Opens a directory in this one.
   * @throws ENOENT when nothing is there; ENOTDIR or ELOOP when it is not a directory
   */
  async child(name: Name): Promise<Directory> {
    const path = this.at(name);
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    try {
      const location = this.#confinement === "descriptors" ? reachOf(handle) : await this.#placeOf(path, handle);
      return new Directory(handle, location, this.#confinement);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Makes a directory in this one, unless something of that name is there. */
  async make(name: Name): Promise<void> {
    await unless(["EEXIST"], mkdir(this.at(name)));
  }

  /** The names of everything in it, in no order. */
  async names(): Promise<Buffer[]> {
    return readdir(this.at("."), { encoding: "buffer" });
  }

  /** Resolves once its entries (names, not contents) are on disk. */
  async sync(): Promise<void> {
    // Some network file systems cannot sync a directory, and say so.
    await unless(["EINVAL", "ENOTSUP"], this.#handle.sync());
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Only for `paths`: the real place of what was opened, which must be right below this directory. */
  async #placeOf(path: Buffer, handle: FileHandle): Promise<Buffer> {
    const place = await realpath(path, { encoding: "buffer" });
    const [opened, there] = [await handle.stat(), await lstat(place)];
    const isBelow = place.subarray(0, place.lastIndexOf("/")).equals(this.#location);
    if (isBelow && opened.ino === there.ino && opened.dev === there.dev) return place;
    throw Object.assign(new Error(`ENOTDIR: the way to ${path} changed while it was taken`), { code: "ENOTDIR" });
  }
}

/** Runs `use` and closes the directory, whatever happens. */
export async function using<T>(directory: Directory, use: (directory: Directory) => Promise<T>): Promise<T> {
  try {
    return await use(directory);
  } finally {
    await directory.close();
  }
}

/** Whether unlink(2) refused because it met a directory (Linux: EISDIR; POSIX: EPERM). */
export function isDirectoryRefusal(error: unknown): boolean {
  return failedWith(error, "EISDIR", "EPERM");
}

function reachOf(handle: FileHandle): Buffer {
  return Buffer.from(`/proc/self/fd/${handle.fd}`);
}

function join(directory: Buffer, name: Name): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), typeof name === "string" ? Buffer.from(name) : name]);
}
