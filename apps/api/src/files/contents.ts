import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";

const CHUNK_BYTES = 64 * 1024;

/**
 * The first `bytes` bytes of an open file, which is closed with the stream, read or not.
 *
 * Exactly that many or an error: a file that its own process truncates meanwhile must not end the stream early, or a
 * client that was promised a length would wait for the rest.
 */
export class FileContents extends Readable {
  readonly #handle: FileHandle;
  readonly #bytes: number;
  #position = 0;

  constructor(handle: FileHandle, bytes: number) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#handle = handle;
    this.#bytes = bytes;
  }

  override _read(): void {
    this.#next().then(
      (chunk) => this.push(chunk),
      (error: Error) => this.destroy(error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#handle.close().then(
      () => callback(error),
      (closing: Error) => callback(error ?? closing),
    );
  }

  async #next(): Promise<Buffer | null> {
    const left = this.#bytes - this.#position;
    if (left === 0) return null;
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left));
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#position);
    if (bytesRead === 0)
      throw new Error(`the file shrank to ${this.#position} of ${this.#bytes} bytes while it was read`);
    this.#position += bytesRead;
    return buffer.subarray(0, bytesRead);
  }
}
