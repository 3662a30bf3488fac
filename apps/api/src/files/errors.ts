/**
 * Why a file operation was refused; the routes map it to a status.
 *
 * - `invalid-path` (400): the path or name can never be accepted; the message names the offending part
 * - `not-found` (404): nothing is there
 * - `not-a-file` (409): a directory, symlink, pipe or device is where a file is needed, or a file where a directory is
 * - `too-large` (413): one file, or all files of a set together, exceed their limit
 * - `too-many-files` (413): a set has more files than allowed
 * - `changed` (412): what is there is not what the caller made a condition
 */
export type FileErrorCode = "invalid-path" | "not-found" | "not-a-file" | "too-large" | "too-many-files" | "changed";

/** A refusal the caller can do something about. Everything else (disk full, no permission) is thrown as it came. */
export class FileError extends Error {
  readonly code: FileErrorCode;

  constructor(code: FileErrorCode, message: string) {
    super(message);
    this.name = "FileError";
    this.code = code;
  }
}

/** Whether an operating system call failed with one of these codes (`ENOENT`, …). */
export function failedWith(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** What a step meets that should be a directory: something else (ENOTDIR), or a symlink not followed (ELOOP). */
export function isObstacle(error: unknown): boolean {
  return failedWith(error, "ENOTDIR", "ELOOP");
}

/** Resolves to undefined where the call failed with one of the codes; any other failure is thrown. */
export async function unless<T>(codes: string[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (failedWith(error, ...codes)) return undefined;
    throw error;
  }
}

/** Undefined where the way to what is worked on has gone, or leads elsewhere, since: somebody else was there first. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const gone = failedWith(error, "ENOENT") || isObstacle(error);
    if (gone || (error instanceof FileError && error.code === "not-a-file")) return undefined;
    throw error;
  }
}
