import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** How much of a command's output is kept, in bytes: its end. */
export const OUTPUT_BYTES = 2_048;
/** What a command has printed is thrown away past this, so that no command can fill the disk, in bytes. */
const MOST_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
/** Shorter values are words that any output may hold. */
const SHORTEST_SECRET = 8;
const LONGEST_SECRET = 8_192;

/**
 * An output takes what a command prints, as a file without a name: the command can go on printing after its worker has
 * died, and what it leaves running in the background keeps nobody waiting for the end of a pipe.
 */
export class Output {
  static async open(): Promise<Output> {
    const path = join(tmpdir(), `command-output-${randomUUID()}`);
    const file = await open(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL, 0o600);
    await unlink(path);
    return new Output(file);
  }

  readonly #file: FileHandle;
  readonly #watch: NodeJS.Timeout;

  private constructor(file: FileHandle) {
    this.#file = file;
    this.#watch = setInterval(() => void this.#keepSmall().catch(() => {}), LOOK_EVERY_MS);
    this.#watch.unref();
  }

  /** The descriptor is for the command's stdout and stderr. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Reads the end of what was printed, made readable, without any of the secrets. */
  async tail(secrets: readonly string[]): Promise<string> {
    const { size } = await this.#file.stat();
    const wanted = OUTPUT_BYTES + LONGEST_SECRET;
    const from = Math.max(0, size - wanted);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(wanted), 0, wanted, from);
    return endOf(redact(readable(buffer.toString("utf8", 0, bytesRead)), secrets), from > 0);
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    await this.#file.close();
  }

  async #keepSmall(): Promise<void> {
    // Whoever appends goes on at the new end.
    if ((await this.#file.stat()).size > MOST_BYTES) await this.#file.truncate(0);
  }
}

/** Takes out colours and control characters; every progress bar's redrawing is a line. */
function readable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "");
}

/** Each line of a secret is one: a key in PEM form is printed over many. */
function redact(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap((secret) => [secret, ...secret.split("\n")]).map((part) => part.trim());
  const longestFirst = parts.filter((part) => part.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((redacted, secret) => redacted.replaceAll(secret, "[redacted]"), text);
}

/** Keeps at most OUTPUT_BYTES, from the start of a line if there is one. */
function endOf(text: string, wasCut: boolean): string {
  const bytes = Buffer.from(text);
  const cut = bytes.length > OUTPUT_BYTES;
  if (!cut && !wasCut) return text.trim();
  const kept = (cut ? bytes.subarray(bytes.length - OUTPUT_BYTES) : bytes).toString("utf8");
  const line = kept.indexOf("\n");
  // The first bytes may be the rest of a character.
  return (line >= 0 && line < kept.length - 1 ? kept.slice(line + 1) : kept.replace(/^\ufffd+/, "")).trim();
}

export function lastLineOf(output: string): string {
  return output.slice(output.lastIndexOf("\n") + 1);
}
