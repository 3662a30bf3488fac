import { randomUUID } from "node:crypto";
import { lstat, mkdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  chmodDescriptor,
  closeDescriptor,
  openDescriptor,
  statDescriptor,
  syncDescriptor,
  writeToDescriptor,
} from "./descriptors.ts";
import { digestIn, newDigest } from "./digest.ts";
import { type Confinement, Directory, isDirectoryRefusal, type Name, using } from "./directory.ts";
import { unless } from "./errors.ts";
import { tooLarge } from "./set.ts";

/** A whole file in the staging directory, its bytes on disk. */
export interface StagedFile {
  readonly place: string;
  readonly bytes: number;
  readonly digest: string;
}

export interface StageOptions {
  /** Where it will be, for the error. */
  readonly path: string;
  readonly maxBytes: number;
  /** Permission bits to give it; undefined: what the process' umask leaves. */
  readonly mode: number | undefined;
}

/**
 * Where files wait until they are whole, and where what must disappear at once is moved before it is taken apart. On the
 * workspaces' file system, so that rename(2) between the two is atomic.
 *
 * Every name in it is a fresh UUID: replicas share the directory and never meet. It is trusted; what is moved in is not.
 */
export class Staging {
  readonly #path: string;
  readonly #confinement: Confinement | undefined;
  /** The permission bits that a new file has here; told by the first one. */
  #usualMode: number | undefined;

  constructor(path: string, confinement?: Confinement) {
    this.#path = path;
    this.#confinement = confinement;
  }

  /**
   * Makes the directory, and removes what no live process can still be at work on: everything last written to before
   * `deadline` (ms since the epoch).
   */
  async prepare(deadline: number): Promise<void> {
    await mkdir(this.#path, { recursive: true });
    await using(await this.#open(), async (staging) => {
      for (const name of await staging.names()) {
        const stats = await unless(["ENOENT"], lstat(staging.at(name)));
        if (stats !== undefined && stats.mtimeMs < deadline) await takeApart(staging, name);
      }
    });
  }

  /**
   * Writes a source to a new file. On any failure nothing is left, and a stream is left as it stands, not destroyed: a
   * request must still be answered.
   * @throws FileError `too-large`
   */
  async stage(source: Readable | Buffer, options: StageOptions): Promise<StagedFile> {
    const place = join(this.#path, randomUUID());
    try {
      return { place, ...(await this.#write(place, source, options)) };
    } catch (error) {
      await rm(place, { force: true });
      throw error;
    }
  }

  async #write(place: string, source: Readable | Buffer, options: StageOptions) {
    const hash = newDigest();
    const descriptor = await openDescriptor(place, "wx");
    try {
      let bytes = 0;
      for await (const piece of piecesOf(source)) {
        const chunk = typeof piece === "string" ? Buffer.from(piece) : piece;
        bytes += chunk.length;
        if (bytes > options.maxBytes) throw tooLarge(options.path, options.maxBytes);
        hash.update(chunk);
        await writeToDescriptor(descriptor, chunk);
      }
      if (options.mode !== undefined) await this.#setMode(descriptor, options.mode);
      await syncDescriptor(descriptor);
      return { bytes, digest: digestIn(hash) };
    } finally {
      await closeDescriptor(descriptor);
    }
  }

  /** Removes a staged file, unless it was put in place. */
  async drop(file: StagedFile): Promise<void> {
    await rm(file.place, { force: true });
  }

  /** Removes an entry of a directory with all it holds: gone at once, then taken apart. Already gone is fine. */
  async discard(parent: Directory, name: Name): Promise<void> {
    const aside = randomUUID();
    await using(await this.#open(), async (staging) => {
      await unless(["ENOENT"], rename(parent.at(name), staging.at(aside)));
      await takeApart(staging, aside);
    });
  }

  /** Most files have the bits that every new one gets: there is nothing to change then. */
  async #setMode(descriptor: number, mode: number): Promise<void> {
    this.#usualMode ??= (await statDescriptor(descriptor)).mode & 0o777;
    if (mode !== this.#usualMode) await chmodDescriptor(descriptor, mode);
  }

  async #open(): Promise<Directory> {
    return Directory.open(this.#path, this.#confinement);
  }
}

/**
 * Removes an entry of the staging directory. Subdirectories are moved up beside it first, which keeps it flat: however
 * deep a tree is, one descriptor is enough, and no step leads through a name someone could swap. Others may be at work on
 * the same, and its own process may still add to it: what then remains waits for the next start.
 */
async function takeApart(staging: Directory, first: Name): Promise<void> {
  const queue: Name[] = [first];
  for (const name of queue) {
    if (await unlinked(staging, name)) continue;
    const directory = await unless(["ENOENT", "ENOTDIR", "ELOOP"], staging.child(name));
    if (directory === undefined) continue;
    await using(directory, async () => {
      for (const inner of await directory.names()) {
        if (await unlinked(directory, inner)) continue;
        const aside = randomUUID();
        await unless(["ENOENT"], rename(directory.at(inner), staging.at(aside)));
        queue.push(aside);
      }
    });
    await unless(["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"], rmdir(staging.at(name)));
  }
}

/** False when it is a directory. */
async function unlinked(parent: Directory, name: Name): Promise<boolean> {
  try {
    await unless(["ENOENT"], unlink(parent.at(name)));
    return true;
  } catch (error) {
    if (isDirectoryRefusal(error)) return false;
    throw error;
  }
}

function piecesOf(source: Readable | Buffer): AsyncIterable<Buffer | string> | Iterable<Buffer> {
  if (!(source instanceof Readable)) return [source];
  // A parser that was there first left nothing: the file would silently become empty.
  if (source.readableDidRead) throw new Error("the source has been read before");
  return source.iterator({ destroyOnReturn: false });
}
