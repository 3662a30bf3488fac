import { FileError } from "./errors.ts";
import { quoted, segmentsOf } from "./paths.ts";

/** Files by path; strings are written as UTF-8. */
export type FileSet = Readonly<Record<string, Buffer | string>>;

export interface Limits {
  /** The most bytes one file may have. Default: 10 MiB. */
  readonly maxFileBytes: number;
  /** The most bytes the files of one set may have together. Default: 50 MiB. */
  readonly maxSetBytes: number;
  /** The most files one set may have. Default: 200. */
  readonly maxSetFiles: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: Limits = { maxFileBytes: 10 * MIB, maxSetBytes: 50 * MIB, maxSetFiles: 200 };

export interface FileInSet {
  readonly path: string;
  readonly segments: readonly string[];
  readonly content: Buffer;
}

/**
 * A set that can be written: within the limits, paths valid, and no file where another needs a directory.
 * @throws FileError `invalid-path`, `too-large`, `too-many-files`
 */
export function checkedSet(files: FileSet, limits: Limits): FileInSet[] {
  const sizes = Object.entries(files).map(([path, content]) => ({ path, bytes: Buffer.byteLength(content) }));
  checkSizes(sizes, limits);
  return Object.entries(files).map(([path, content]) => {
    const segments = segmentsOf(path);
    for (let depth = 1; depth < segments.length; depth++) {
      const above = segments.slice(0, depth).join("/");
      if (Object.hasOwn(files, above)) {
        throw new FileError("invalid-path", `path ${quoted(path)}: ${quoted(above)} is a file of the same set`);
      }
    }
    return { path, segments, content: typeof content === "string" ? Buffer.from(content) : content };
  });
}

/** @throws FileError `too-large`, `too-many-files` */
export function checkSizes(files: readonly { readonly path: string; readonly bytes: number }[], limits: Limits): void {
  const { maxFileBytes, maxSetBytes, maxSetFiles } = limits;
  if (files.length > maxSetFiles) {
    throw new FileError("too-many-files", `${files.length} files: at most ${maxSetFiles} are accepted at once`);
  }
  for (const { path, bytes } of files) {
    if (bytes > maxFileBytes) throw tooLarge(path, maxFileBytes);
  }
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > maxSetBytes) {
    throw new FileError("too-large", `${total} bytes in all: at most ${maxSetBytes} are accepted at once`);
  }
}

export function tooLarge(path: string, maxBytes: number): FileError {
  return new FileError("too-large", `${quoted(path)} has more than ${maxBytes} bytes`);
}
