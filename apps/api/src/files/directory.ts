import fs, { constants, existsSync } from "node:fs";
import { lstat, mkdir, readdir, realpath } from "node:fs/promises";
import { openDescriptor, statDescriptor, syncDescriptor } from "./descriptors.ts";
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

const READ_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const NEVER_LED = READ_DIRECTORY | constants.O_NOFOLLOW;

/** The strongest this machine has. */
export const CONFINEMENT: Confinement =
  process.platform === "linux" && existsSync("/proc/self/fd") ? "descriptors" : "paths";

/**
 * A directory held open. Steps lead down only, one name at a time and never through a symlink.
 *
 * Names given to it must be single segments (see segmentsOf). Whoever opens one closes it.
 */
export class Directory {
  /** Undefined once closed. */
  #descriptor: number | undefined;
  readonly #location: Buffer;
  readonly #confinement: Confinement;

  private constructor(descriptor: number, location: Buffer, confinement: Confinement) {
    this.#descriptor = descriptor;
    this.#location = location;
    this.#confinement = confinement;
  }

  /** Opens the place where steps begin. It is the operator's: symlinks on the way to it are followed. */
  static async open(path: string, confinement: Confinement = CONFINEMENT): Promise<Directory> {
    const locate = confinement === "descriptors" ? reachOf : () => realpath(path, { encoding: "buffer" });
    return Directory.#opened(path, READ_DIRECTORY, confinement, locate);
  }

  /**
   * Opens a directory in the place where steps begin: what open() and child() do, in one call where that is as safe.
   * @throws as child(); ENOENT and ENOTDIR also when it is the place itself that is missing
   */
  static async openIn(path: string, name: string, confinement: Confinement = CONFINEMENT): Promise<Directory> {
    // Held by a descriptor, a directory does not care by which way it was found: only the last step must not be led.
    if (confinement === "descriptors") {
      return Directory.#opened(join(Buffer.from(path), name), NEVER_LED, confinement, reachOf);
    }
    return using(await Directory.open(path, confinement), (start) => start.child(name));
  }

  /**
   * The path to hand to a file system call for an entry of this directory. The call must be over before close(): the
   * descriptor's number may mean another directory afterwards. It must be one that does not follow a symlink, too.
   */
  at(name: Name): Buffer {
    this.#held();
    return join(this.#location, name);
  }

  /**
   * Opens a directory in this one.
   * @throws ENOENT when nothing is there; ENOTDIR or ELOOP when it is not a directory
   */
  async child(name: Name): Promise<Directory> {
    const path = this.at(name);
    const isHeld = this.#confinement === "descriptors";
    const locate = isHeld ? reachOf : (descriptor: number) => this.#placeOf(path, descriptor);
    return Directory.#opened(path, NEVER_LED, this.#confinement, locate);
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
    await unless(["EINVAL", "ENOTSUP"], syncDescriptor(this.#held()));
  }

  /** At once: nothing was written through the descriptor, so closing it waits for nothing. Again does nothing. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }

  #held(): number {
    if (this.#descriptor === undefined) throw new Error("the directory is closed");
    return this.#descriptor;
  }

  static async #opened(
    path: string | Buffer,
    flags: number,
    confinement: Confinement,
    locate: (descriptor: number) => Buffer | Promise<Buffer>,
  ): Promise<Directory> {
    const descriptor = await openDescriptor(path, flags);
    try {
      return new Directory(descriptor, await locate(descriptor), confinement);
    } catch (error) {
      fs.closeSync(descriptor);
      throw error;
    }
  }

  /** Only for `paths`: the real place of what was opened, which must be right below this directory. */
  async #placeOf(path: Buffer, descriptor: number): Promise<Buffer> {
    const place = await realpath(path, { encoding: "buffer" });
    const [held, there] = [await statDescriptor(descriptor), await lstat(place)];
    const isBelow = place.subarray(0, place.lastIndexOf("/")).equals(this.#location);
    if (isBelow && held.ino === there.ino && held.dev === there.dev) return place;
    throw Object.assign(new Error(`ENOTDIR: the way to ${path} changed while it was taken`), { code: "ENOTDIR" });
  }
}

/** Runs `use` and closes the directory, whatever happens. */
export async function using<T>(directory: Directory, use: (directory: Directory) => Promise<T>): Promise<T> {
  try {
    return await use(directory);
  } finally {
    directory.close();
  }
}

/** Whether unlink(2) refused because it met a directory (Linux: EISDIR; POSIX: EPERM). */
export function isDirectoryRefusal(error: unknown): boolean {
  return failedWith(error, "EISDIR", "EPERM");
}

function reachOf(descriptor: number): Buffer {
  return Buffer.from(`/proc/self/fd/${descriptor}`);
}

function join(directory: Buffer, name: Name): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), typeof name === "string" ? Buffer.from(name) : name]);
}
