import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Change, NO_NOTES, type WriteNotes } from "./change.ts";
import { contentOf } from "./content-of.ts";
import { digestOf } from "./digest.ts";
import { type Confinement, using } from "./directory.ts";
import { FileError } from "./errors.ts";
import { checkName, quoted, segmentsOf } from "./paths.ts";
import { Destination, syncDirectories } from "./placement.ts";
import { prune, removeFile, removeIfSame } from "./removal.ts";
import { checkedSet, DEFAULT_LIMITS, type FileInSet, type FileSet, type Limits } from "./set.ts";
import { type StagedFile, Staging } from "./staging.ts";
import { type OpenFile, type OpenOptions, Trees } from "./trees.ts";
import type { Entry } from "./walk.ts";

export interface WorkspaceFilesOptions extends Partial<Limits> {
  /** The workspaces' root, made if missing; the same for all replicas, and one file system. */
  readonly directory: string;
  /** Default: the strongest this machine has. */
  readonly confinement?: Confinement;
  /** Where all who write note what is not settled yet; without it a change asks nobody for anything. */
  readonly notes?: WriteNotes;
}

export interface ListedFile {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** The SHA-256 of its content. */
  readonly digest: string;
  /** False where it had this content already, and was left as it was. */
  readonly changed: boolean;
}

/** Which content a file has, and since when. */
export interface FileVersion {
  readonly digest: string;
  readonly modifiedAt: Date;
}

/** Says whether a change may be made, by what is there; undefined = no file. */
export type Condition = (current: FileVersion | undefined) => boolean;

export interface WriteOptions {
  readonly maxBytes?: number;
  /** What must hold of the file that is there; nobody else puts one in place between that and this. */
  readonly condition?: Condition | undefined;
  /** Made by `change`, and settled once what it asks for is recorded. */
  readonly change?: Change | undefined;
}

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
  readonly #notes: WriteNotes;

  private constructor(options: WorkspaceFilesOptions) {
    this.#trees = new Trees(options.directory, options.confinement);
    this.#staging = new Staging(join(options.directory, ".staging"), options.confinement);
    this.#limits = { ...DEFAULT_LIMITS, ...options };
    this.#notes = options.notes ?? NO_NOTES;
  }

  /** Makes the root and its `.staging` if missing, and removes staged files that dead processes left an hour ago. */
  static async open(options: WorkspaceFilesOptions): Promise<WorkspaceFiles> {
    const files = new WorkspaceFiles(options);
    await mkdir(options.directory, { recursive: true });
    await files.#staging.prepare(Date.now() - HOUR_MS);
    return files;
  }

  /** Begins a change to a workspace's files: one call that writes or removes, and what it asks for. A dry one changes nothing. */
  change(workspace: string, options: { readonly isDry?: boolean } = {}): Change {
    return new Change(workspace, this.#notes, this.#staging, options);
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
   * Where the file has these very bytes already, it is left as it is.
   * @param options.maxBytes instead of the store's `maxFileBytes`
   * @param options.condition asked before the source is read, and again before the file is put in place
   * @throws FileError `invalid-path`, `not-a-file`, `too-large`, `changed`, `busy`
   */
  async write(
    workspace: string,
    path: string,
    source: Readable | Buffer,
    options: WriteOptions = {},
  ): Promise<WrittenFile> {
    // Its error reaches the caller through this promise; before it is read, nobody else may be listening.
    if (source instanceof Readable) source.on("error", () => {});
    checkName("workspace", workspace);
    const segments = segmentsOf(path);
    const maxBytes = options.maxBytes ?? this.#limits.maxFileBytes;
    const { condition, change = this.change(workspace) } = options;
    const announce = (write: string) => change.announce([{ path, write }], { exclusive: condition !== undefined });
    const destination = await Destination.look(this.#trees, workspace, segments);
    let staged: StagedFile | undefined;
    let isPlaced = false;
    try {
      await this.#assertStill(condition, workspace, segments);
      const stage = { path, maxBytes, mode: destination.mode };
      if (change.isDry) {
        const content = await contentOf(source, { path, maxBytes });
        const changed = !(await destination.holds(content));
        if (changed) change.foresee();
        else await change.lookAt([path]);
        return { path, ...content, changed };
      }
      let content: { readonly bytes: number; readonly digest: string };
      let changed: boolean;
      if (source instanceof Readable) {
        // A source may take its time, which is no reason to hold directories open.
        destination.release();
        content = staged = await this.#staging.stage(source, stage);
        changed = !(await destination.holds(content));
        if (changed) await announce(staged.id);
      } else {
        content = { bytes: source.length, digest: digestOf(source) };
        changed = !(await destination.holds(content));
        if (changed) staged = await this.#staging.stage(source, { ...stage, meanwhile: announce });
      }
      if (changed && staged !== undefined) {
        await this.#assertStill(condition, workspace, segments);
        await destination.place(staged);
        isPlaced = true;
        await destination.sync();
      } else {
        if (staged !== undefined) await this.#staging.drop(staged);
        await change.lookAt([path]);
      }
      return { path, bytes: content.bytes, digest: content.digest, changed };
    } catch (error) {
      if (staged !== undefined && !isPlaced) await this.#staging.drop(staged);
      if (!isPlaced) await change.withdraw();
      throw error;
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
  async remove(
    workspace: string,
    path: string,
    { condition, change = this.change(workspace) }: Pick<WriteOptions, "condition" | "change"> = {},
  ): Promise<boolean> {
    checkName("workspace", workspace);
    const segments = segmentsOf(path);
    await this.#assertStill(condition, workspace, segments);
    if ((await this.#trees.stats(workspace, segments)) === undefined) {
      await change.lookAt([path]);
      return false;
    }
    if (change.isDry) {
      change.foresee();
      return true;
    }
    const write = await this.#staging.enlist();
    try {
      await change.announce([{ path, write }], { exclusive: condition !== undefined });
      await this.#assertStill(condition, workspace, segments);
      const existed = await removeFile(this.#trees, workspace, segments);
      if (existed) await prune(this.#trees, workspace, segments.slice(0, -1));
      return existed;
    } catch (error) {
      // What is still there was not removed.
      if ((await this.#trees.stats(workspace, segments).catch(() => undefined)) !== undefined) await change.withdraw();
      throw error;
    } finally {
      await this.#staging.revoke(write);
    }
  }

  /**
   * Writes a set of files over the workspace's, leaving the others. Durable once it resolves; all are staged, and looked
   * at for what stands in their way, before the first is put in place.
   * @throws FileError `invalid-path`, `not-a-file`, `too-large`, `too-many-files`
   */
  async writeMany(workspace: string, files: FileSet, change: Change = this.change(workspace)): Promise<WrittenFile[]> {
    checkName("workspace", workspace);
    return this.#putAll(workspace, checkedSet(files, this.#limits), change);
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
  async replaceAll(workspace: string, files: FileSet, change: Change = this.change(workspace)): Promise<WrittenFile[]> {
    checkName("workspace", workspace);
    const set = checkedSet(files, this.#limits);
    const before = await this.#trees.entries(workspace);
    const discard: NonNullable<OpenOptions["clear"]> = (parent, name) => this.#staging.discard(parent, name);
    const removed = leftOver(before, set);
    if (removed.length === 0) {
      await change.lookAt([THE_SET]);
      return this.#putAll(workspace, set, change, { clear: discard });
    }
    if (change.isDry) {
      change.foresee();
      return this.#putAll(workspace, set, change, { clear: discard });
    }
    const write = await this.#staging.enlist();
    try {
      await change.announce([{ path: THE_SET, write }]);
      const written = await this.#putAll(workspace, set, change, { clear: discard });
      for (const entry of removed) await removeIfSame(this.#trees, workspace, entry, discard);
      const left = removed.map(({ names }) => names.slice(0, -1));
      await syncDirectories(this.#trees, workspace, left);
      return written;
    } finally {
      await this.#staging.revoke(write);
    }
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

  async #putAll(
    workspace: string,
    set: readonly FileInSet[],
    change: Change,
    options: OpenOptions = {},
  ): Promise<WrittenFile[]> {
    const { maxFileBytes: maxBytes } = this.#limits;
    const written: WrittenFile[] = [];
    const staged: { readonly destination: Destination; readonly file: StagedFile; readonly path: string }[] = [];
    let isBegun = false;
    try {
      const destinations: Destination[] = [];
      for (const { segments } of set) {
        const destination = await Destination.look(this.#trees, workspace, segments, options);
        destination.release();
        destinations.push(destination);
      }
      for (const [index, { path, content }] of set.entries()) {
        const destination = destinations[index] as Destination;
        const is = { bytes: content.length, digest: digestOf(content) };
        const changed = !(await destination.holds(is));
        destination.release();
        written.push({ path, ...is, changed });
        if (changed && change.isDry) change.foresee();
        if (!changed || change.isDry) continue;
        const file = await this.#staging.stage(content, { path, maxBytes, mode: destination.mode });
        staged.push({ destination, file, path });
      }
      const notes = staged.map(({ path, file }) => ({ path, write: file.id }));
      if (notes.length > 0) await change.announce(notes);
      else await change.lookAt(set.map(({ path }) => path));
      isBegun = true;
      for (const { destination, file } of staged) {
        await destination.place(file);
        destination.release();
      }
      const changed = new Set(staged.map(({ path }) => path));
      const directories = set.filter(({ path }) => changed.has(path)).map(({ segments }) => segments.slice(0, -1));
      if (directories.length > 0) await syncDirectories(this.#trees, workspace, directories);
    } catch (error) {
      for (const { file } of staged) await this.#staging.drop(file);
      if (!isBegun) await change.withdraw();
      throw error;
    }
    return written;
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

/** Where it is noted that a set takes the place of all files: no file has this path. */
const THE_SET = "";

/** What is there and not part of the set, nor a directory that the set needs. */
function leftOver(before: readonly Entry[], set: readonly FileInSet[]): Entry[] {
  const kept = new Set(set.map(({ path }) => path));
  const needed = new Set(
    set.flatMap(({ segments }) => segments.slice(1).map((_, i) => segments.slice(0, i + 1).join("/"))),
  );
  return before.filter(({ path, stats }) => {
    if (path === undefined) return true;
    return !kept.has(path) && !(stats.isDirectory() && needed.has(path));
  });
}
