import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Confinement, using } from "./directory.ts";
import { FileError } from "./errors.ts";
import { checkName, quoted, segmentsOf } from "./paths.ts";
import { Destination, syncDirectories } from "./placement.ts";
import { prune, removeFile, removeIfSame } from "./removal.ts";
import { checkedSet, DEFAULT_LIMITS, type FileInSet, type FileSet, type Limits } from "./set.ts";
import { type StagedFile, Staging } from "./staging.ts";
import { type OpenFile, type OpenOptions, Trees } from "./trees.ts";

export interface WorkspaceFilesOptions extends Partial<Limits> {
  /** The workspaces' root, made if missing; the same for all replicas, and one file system. */
  readonly directory: string;
  /** Default: the strongest this machine has. */
  readonly confinement?: Confinement;
}

export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** The SHA-256 of what was written. */
  readonly digest: string;
}

/** Which content a file has, and since when. */
export interface FileVersion {
  readonly digest: string;
  readonly modifiedAt: Date;
}

/** Says whether a change may be made, by what is there; undefined = no file. */
export type Condition = (current: FileVersion | undefined) => boolean;

const HOUR_MS = 60 * 60 * 1000;

/**
 * The files of all workspaces: `<directory>/<workspace>/<path>`. Any number of replicas may work on one directory.
 *
 * Guaranteed, for every path by itself:
 * - **Whole.** Whoever opens a file sees all of one version of it, never a mix or a half; the last of concurrent writes
 *   stays.
 * - **Durable.** When a write or a removal has resolved, it survives a power cut: the bytes were synced before they got
 *   their name, and the names of the file and of all directories on its way after.
 * - **Traceless failure.** A write that fails, or whose source breaks off, leaves the old file and no staged one. (The
 *   directories on its way may have been made.) A killed process leaves a file in `.staging`; a start, once that is an
 *   hour old, removes it.
 * - **Confined.** Nothing outside the workspace's directory is read, listed, written or removed, whatever lies in it.
 *   With `paths` instead of `descriptors` (see Confinement) a symlink swapped in at the right moment can still lead out.
 *
 * Sets of files (`writeMany`, `replaceAll`) are **not** one atomic step: every file is staged before the first is put in
 * place, so a full disk or a broken input changes nothing; then they are put in place one by one, and a reader may see old
 * and new ones side by side. If the process dies there, the same call again completes it.
 *
 * Not guaranteed: that a directory its own process moves out of the workspace is not written to by a write under way;
 * that what a hard link shows began inside; owner and extended attributes of a replaced file (permission bits stay).
 */
export class WorkspaceFiles {
  readonly #trees: Trees;
  readonly #staging: Staging;
  readonly #limits: Limits;

  private constructor(options: WorkspaceFilesOptions) {
    this.#trees = new Trees(options.directory, options.confinement);
    this.#staging = new Staging(join(options.directory, ".staging"), options.confinement);
    this.#limits = { ...DEFAULT_LIMITS, ...options };
  }

  /** Makes the root and its `.staging` if missing, and removes staged files that dead processes left an hour ago. */
  static async open(options: WorkspaceFilesOptions): Promise<WorkspaceFiles> {
    const files = new WorkspaceFiles(options);
    await mkdir(options.directory, { recursive: true });
    await files.#staging.prepare(Date.now() - HOUR_MS);
    return files;
  }

  /**
   * Whether the workspace has a directory.
   * @throws FileError `invalid-path`
   */
  async exists(workspace: string): Promise<boolean> {
    checkName("workspace", workspace);
    return this.#trees.exists(workspace);
  }

  /**
   * All regular files that a path can name, sorted by path. Symlinks, pipes and the like are left out; a workspace
   * without a directory has none.
   * @throws FileError `invalid-path`, `not-a-file`
   */
  async list(workspace: string): Promise<ListedFile[]> {
    checkName("workspace", workspace);
    const listed: ListedFile[] = [];
    for (const { path, stats } of await this.#trees.entries(workspace)) {
      if (path !== undefined && stats.isFile()) listed.push({ path, bytes: stats.size, modifiedAt: stats.mtime });
    }
    return listed.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /**
   * Opens a file; its stream holds a descriptor: read it to the end or destroy it.
   * @throws FileError `invalid-path`, `not-found`, `not-a-file`
   */
  async read(workspace: string, path: string): Promise<OpenFile> {
    checkName("workspace", workspace);
    return this.#trees.read(workspace, segmentsOf(path));
  }

  /**
   * Writes one file, making the directories on its way; durable once it resolves. A source that fails or breaks off
   * rejects with its error. The source is never destroyed, so a request can still be answered.
   * @param options.maxBytes instead of the store's `maxFileBytes`
   * @param options.condition asked before the source is read, and again before the file is put in place
   * @throws FileError `invalid-path`, `not-a-file`, `too-large`, `changed`
   */
  async write(
    workspace: string,
    path: string,
    source: Readable | Buffer,
    options: { readonly maxBytes?: number; readonly condition?: Condition | undefined } = {},
  ): Promise<WrittenFile> {
    // Its error reaches the caller through this promise; before it is read, nobody else may be listening.
    if (source instanceof Readable) source.on("error", () => {});
    checkName("workspace", workspace);
    const segments = segmentsOf(path);
    const maxBytes = options.maxBytes ?? this.#limits.maxFileBytes;
    const destination = await Destination.look(this.#trees, workspace, segments);
    try {
      await this.#assertStill(options.condition, workspace, segments);
      // A source may take its time, which is no reason to hold directories open.
      if (source instanceof Readable) destination.release();
      const staged = await this.#staging.stage(source, { path, maxBytes, mode: destination.mode });
      try {
        await this.#assertStill(options.condition, workspace, segments);
        await destination.place(staged);
      } catch (error) {
        await this.#staging.drop(staged);
        throw error;
      }
      await destination.sync();
      return { path, bytes: staged.bytes, digest: staged.digest };
    } finally {
      destination.release();
    }
  }

  /**
   * Removes a file, or whatever else is at the path and not a directory, and the directories it leaves empty. Durable
   * once it resolves.
   * @returns whether it existed
   * @throws FileError `invalid-path`, `not-a-file`, `changed`
   */
  async remove(workspace: string, path: string, condition?: Condition): Promise<boolean> {
    checkName("workspace", workspace);
    const segments = segmentsOf(path);
    await this.#assertStill(condition, workspace, segments);
    const existed = await removeFile(this.#trees, workspace, segments);
    if (existed) await prune(this.#trees, workspace, segments.slice(0, -1));
    return existed;
  }

  /**
   * Writes a set of files over the workspace's, leaving the others. Durable once it resolves; all are staged, and looked
   * at for what stands in their way, before the first is put in place.
   * @throws FileError `invalid-path`, `not-a-file`, `too-large`, `too-many-files`
   */
  async writeMany(workspace: string, files: FileSet): Promise<WrittenFile[]> {
    checkName("workspace", workspace);
    return this.#putAll(workspace, checkedSet(files, this.#limits), {});
  }

  /**
   * Makes these the workspace's only files. Durable once it resolves.
   *
   * All are staged first, then put in place one by one, then everything else that was there at the start is removed:
   * files, symlinks and pipes, whether or not a path can name them, and directories left empty. A directory where the set
   * has a file goes with all it holds, and what is in the way of a directory goes, too.
   *
   * What others write meanwhile stays, so two of these at the same time end in both sets together (for a path in both, in
   * either's version). One moment is open: a file of the old set that another writer replaces between our last look at it
   * and its removal goes with it.
   * @throws FileError `invalid-path`, `not-a-file` (the workspace's own place), `too-large`, `too-many-files`
   */
  async replaceAll(workspace: string, files: FileSet): Promise<WrittenFile[]> {
    checkName("workspace", workspace);
    const set = checkedSet(files, this.#limits);
    const before = await this.#trees.entries(workspace);
    const discard: NonNullable<OpenOptions["clear"]> = (parent, name) => this.#staging.discard(parent, name);
    const written = await this.#putAll(workspace, set, { clear: discard });

    const kept = new Set(set.map(({ path }) => path));
    const removed = before.filter(({ path }) => path === undefined || !kept.has(path));
    for (const entry of removed) await removeIfSame(this.#trees, workspace, entry, discard);
    const left = removed.map(({ names }) => names.slice(0, -1));
    await syncDirectories(this.#trees, workspace, left);
    return written;
  }

  /**
   * Removes the workspace's directory with all it holds: gone at once, and durable once it resolves. None is a success.
   * @throws FileError `invalid-path`
   */
  async removeAll(workspace: string): Promise<void> {
    checkName("workspace", workspace);
    await using(await this.#trees.openRoot(), async (root) => {
      await this.#staging.discard(root, workspace);
      await root.sync();
    });
  }

  async #putAll(workspace: string, set: readonly FileInSet[], options: OpenOptions): Promise<WrittenFile[]> {
    const { maxFileBytes: maxBytes } = this.#limits;
    const destinations: Destination[] = [];
    const staged: StagedFile[] = [];
    try {
      for (const { segments } of set) {
        const destination = await Destination.look(this.#trees, workspace, segments, options);
        destination.release();
        destinations.push(destination);
      }
      for (const [index, { path, content }] of set.entries()) {
        staged.push(await this.#staging.stage(content, { path, maxBytes, mode: destinations[index]?.mode }));
      }
      for (const [index, destination] of destinations.entries()) {
        await destination.place(staged[index] as StagedFile);
        destination.release();
      }
      const directories = set.map(({ segments }) => segments.slice(0, -1));
      await syncDirectories(this.#trees, workspace, directories);
    } catch (error) {
      for (const file of staged) await this.#staging.drop(file);
      throw error;
    }
    return set.map(({ path, content }, index) => {
      return { path, bytes: content.length, digest: (staged[index] as StagedFile).digest };
    });
  }

  async #assertStill(condition: Condition | undefined, workspace: string, segments: readonly string[]): Promise<void> {
    if (condition === undefined || condition(await this.#version(workspace, segments))) return;
    throw new FileError("changed", `${quoted(segments.join("/"))} is not what the request made its condition`);
  }

  /** What a file is now; undefined when there is none. Anything else than a file has no version. */
  async #version(workspace: string, segments: readonly string[]): Promise<FileVersion | undefined> {
    try {
      const { stream, modifiedAt } = await this.#trees.read(workspace, segments);
      try {
        return { digest: await stream.digest(), modifiedAt };
      } finally {
        stream.destroy();
      }
    } catch (error) {
      if (error instanceof FileError) return undefined;
      throw error;
    }
  }
}
