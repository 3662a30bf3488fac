import { mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import { FileError, WorkspaceFiles, type WorkspaceFilesOptions } from "../../src/files/index.ts";

export const WS = "ws-1";

/** What must never be read. */
export const SECRET = "outside the workspace";

/** A workspaces' root of the test's own. It is removed after the test, which fails if it leaked a descriptor or a file. */
export async function scratch(options: Partial<WorkspaceFilesOptions> = {}): Promise<Scratch> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "workspace-files-")));
  const root = join(base, "root");
  const files = await WorkspaceFiles.open({ directory: root, ...options });
  const made = new Scratch(base, root, files);
  onTestFinished(async () => {
    try {
      expect(await openBelow(base), "descriptors left open").toEqual([]);
      expect(await made.staged(), "files left in .staging").toEqual([]);
    } finally {
      await rm(base, { recursive: true, force: true });
    }
  });
  return made;
}

export class Scratch {
  /** Outside of the root, for what must not be reached. */
  readonly base: string;
  readonly root: string;
  readonly files: WorkspaceFiles;

  constructor(base: string, root: string, files: WorkspaceFiles) {
    this.base = base;
    this.root = root;
    this.files = files;
  }

  /** The place of a path in the workspace, as its own process sees it. */
  at(path = ""): string {
    return join(this.root, WS, path);
  }

  /** Puts a file there as the workspace's own process would. */
  async plant(path: string, content: string | Buffer): Promise<string> {
    await mkdir(dirname(this.at(path)), { recursive: true });
    await writeFile(this.at(path), content);
    return this.at(path);
  }

  /** Makes a directory beside the root, holding one file that nobody may read, change or remove. */
  async outside(): Promise<{ path: string; untouched: () => Promise<void> }> {
    const path = join(this.base, "outside");
    await mkdir(path);
    await writeFile(join(path, "secret"), SECRET);
    const untouched = async () => {
      expect(await readdir(path)).toEqual(["secret"]);
      expect(await readFile(join(path, "secret"), "utf8")).toBe(SECRET);
    };
    return { path, untouched };
  }

  async staged(): Promise<string[]> {
    return readdir(join(this.root, ".staging"));
  }

  async paths(): Promise<string[]> {
    return (await this.files.list(WS)).map(({ path }) => path);
  }

  async text(path: string): Promise<string> {
    return (await this.bytes(path)).toString();
  }

  async bytes(path: string): Promise<Buffer> {
    return buffer((await this.files.read(WS, path)).stream);
  }

  /** All files and their text. */
  async contents(): Promise<Record<string, string>> {
    const contents: Record<string, string> = {};
    for (const path of await this.paths()) contents[path] = await this.text(path);
    return contents;
  }
}

/** The code a refused operation fails with, and its message. */
export async function refusal(operation: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error = await operation.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FileError)) throw error ?? new Error("it was not refused");
  return { code: error.code, message: error.message };
}

/** What this process holds open below a directory. Only Linux tells. */
export async function openBelow(base: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const targets = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return targets.filter((target) => target.startsWith(base));
}
