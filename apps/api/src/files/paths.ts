import { FileError } from "./errors.ts";

export const MAX_PATH_BYTES = 1024;
export const MAX_SEGMENT_BYTES = 255;
/** Segments in a path, the file's name included. */
export const MAX_LEVELS = 32;

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;
const LONE_SURROGATE = /\p{Cs}/u;

/** Whether this may name a workspace or a template: it is one path segment, and not one of our own dot directories. */
export function isName(name: string): boolean {
  return NAME.test(name);
}

/** @throws FileError `invalid-path` */
export function checkName(what: "workspace" | "template", name: string): void {
  if (isName(name)) return;
  throw new FileError(
    "invalid-path",
    `${what} ${quoted(name)}: expected 1-128 of A-Z a-z 0-9 . _ - and no leading dot`,
  );
}

/**
 * The segments of a path relative to a workspace's directory.
 * @throws FileError `invalid-path`
 */
export function segmentsOf(path: string): string[] {
  const problem = pathProblem(path);
  if (problem !== undefined) throw new FileError("invalid-path", `path ${quoted(path)}: ${problem}`);
  return path.split("/");
}

/** What is wrong with a path, naming the part, or undefined. */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `it is longer than ${MAX_PATH_BYTES} bytes`;
  // On disk it would become U+FFFD: another name than the one that was asked for.
  if (LONE_SURROGATE.test(path)) return "it is not well-formed Unicode";
  if (path.startsWith("/")) return "it is absolute (leading slash)";
  const segments = path.split("/");
  if (segments.length > MAX_LEVELS) return `it has ${segments.length} levels, more than ${MAX_LEVELS}`;
  for (const [index, segment] of segments.entries()) {
    const problem = segmentProblem(segment);
    if (problem !== undefined) return `segment ${index + 1}, ${quoted(segment)}, ${problem}`;
  }
  return undefined;
}

function segmentProblem(segment: string): string | undefined {
  if (segment === "") return "is empty";
  if (segment === "." || segment === "..") return "is not a name";
  if (segment.includes("\0")) return "contains a NUL";
  if (segment.includes("\\")) return "contains a backslash";
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) return `is longer than ${MAX_SEGMENT_BYTES} bytes`;
  return undefined;
}

/** For messages: escaped, and short whatever was sent. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
