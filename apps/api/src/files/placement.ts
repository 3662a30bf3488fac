import { lstat, rename } from "node:fs/promises";
import { type Directory, type Name, using } from "./directory.ts";
import { FileError, failedWith, isObstacle, unless, unlessGone } from "./errors.ts";
import { quoted } from "./paths.ts";
import { hasContent } from "./same-content.ts";
import type { StagedFile } from "./staging.ts";
import { closeWay, type OpenOptions, type Trees, type Way } from "./trees.ts";

/** How often a file is put in place again when others got in the way; each time one of them has succeeded. */
const MAX_ATTEMPTS = 100;

/** Where a file shall be. Whoever looks at one releases it in the end. */
export class Destination {
  readonly #trees: Trees;
  readonly #workspace: string;
  readonly #segments: readonly string[];
  readonly #options: OpenOptions;
  #way: Way | undefined;
  #mode: number | undefined;
  /** Of the file that is there. */
  #bytes: number | undefined;

  private constructor(trees: Trees, workspace: string, segments: readonly string[], options: OpenOptions) {
    this.#trees = trees;
    this.#workspace = workspace;
    this.#segments = segments;
    this.#options = options;
  }

  /**
   * Looks at what is there, and holds the directories on the way open. Asked before a source is read, which also refuses
   * early what cannot work, unless what is in the way will be cleared.
   * @throws FileError `not-a-file`
   */
  static async look(
    trees: Trees,
    workspace: string,
    segments: readonly string[],
    options: OpenOptions = {},
  ): Promise<Destination> {
    const destination = new Destination(trees, workspace, segments, options);
    try {
      await destination.#look();
    } catch (error) {
      destination.release();
      if (options.clear === undefined || !(error instanceof FileError)) throw error;
    }
    return destination;
  }

  /** The permission bits of the file that will be replaced: a script stays executable. */
  get mode(): number | undefined {
    return this.#mode;
  }

  /** Whether the file that is there has just this content already. One that had another length a moment ago has not. */
  async holds(content: { readonly bytes: number; readonly digest: string }): Promise<boolean> {
    if (this.#bytes !== content.bytes) return false;
    this.#way ??= await unlessGone(() => this.#open({}));
    return this.#way !== undefined && hasContent(this.#way.here.at(this.#segments.at(-1) ?? ""), content);
  }

  /**
   * Renames a staged file to its path, making directories. Tries again when one of them is pruned under our feet, and
   * after each thing that was cleared out of the way. The directories that the file went through are held afterwards.
   */
  async place(staged: StagedFile): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#way ??= await this.#open({ ...this.#options, make: true });
        return await renameInto(this.#way.here, this.#segments, staged, this.#options);
      } catch (error) {
        this.release();
        const pruned = failedWith(error, "ENOENT");
        if (pruned && (await unless(["ENOENT"], lstat(staged.place))) === undefined) throw revoked(this.#segments);
        const cleared = this.#options.clear !== undefined && (isObstacle(error) || failedWith(error, "EISDIR"));
        if (!(pruned || cleared) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Makes the placed file's name durable, those of all directories on its way, and that the workspace has one: of those
   * it went through, whatever has become of the path meanwhile.
   */
  async sync(): Promise<void> {
    const held = this.#way === undefined ? [] : [...this.#way.above, this.#way.here];
    const syncs = [this.#trees.syncRoot(), ...held.map((directory) => directory.sync())];
    // Nobody may be at work on a directory that is released, even if another has failed.
    await Promise.allSettled(syncs);
    await Promise.all(syncs);
  }

  /** Lets go of the directories; what needs them opens them again. */
  release(): void {
    if (this.#way !== undefined) closeWay(this.#way);
    this.#way = undefined;
  }

  async #look(): Promise<void> {
    this.#way = await unless(["ENOENT"], this.#open({}));
    if (this.#way === undefined) return;
    const stats = await unless(["ENOENT"], lstat(this.#way.here.at(this.#segments.at(-1) ?? "")));
    if (stats?.isDirectory()) throw directoryInTheWay(this.#segments);
    if (!stats?.isFile()) return;
    this.#mode = stats.mode & 0o777;
    this.#bytes = stats.size;
  }

  #open(options: OpenOptions): Promise<Way> {
    return this.#trees.openWay(this.#workspace, this.#segments.slice(0, -1), options);
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
  await trees.syncRoot();
  for (const names of distinct.values()) {
    await unlessGone(async () => using(await trees.open(workspace, names), (directory) => directory.sync()));
  }
}

/** Others took it for dead: see Change. */
function revoked(segments: readonly string[]): FileError {
  return new FileError("busy", `putting ${quoted(segments.join("/"))} in place took too long: repeat the request`);
}

function directoryInTheWay(segments: readonly string[]): FileError {
  return new FileError("not-a-file", `${quoted(segments.join("/"))} is a directory`);
}
