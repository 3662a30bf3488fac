import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import { digestIn, newDigest } from "./digest.ts";

const CHUNK_BYTES = 64 * 1024;

/**
 * The first `bytes` bytes of an open file, which is closed with the stream, read or not.
 *
 * Exactly that many or an error: a file that its own process truncates meanwhile must not end the stream early, or a
 * client that was promised a length would wait for the rest. Of one whose digest was told, exactly those bytes or an error.
 */
export class FileContents extends Readable {
  readonly #handle: FileHandle;
  readonly #bytes: number;
  #position = 0;
  /** What was read for the digest, where it is all there is. */
  #whole: Buffer | undefined;
  #promised: { readonly digest: string; readonly hash: Hash } | undefined;

  constructor(handle: FileHandle, bytes: number) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /** The SHA-256 of all the bytes that the stream will give; asked before the stream is read. */
  async digest(): Promise<string> {
    const hash = newDigest();
    for (let position = 0; position < this.#bytes; ) {
      const chunk = await this.#chunk(position);
      hash.update(chunk);
      position += chunk.length;
      if (chunk.length === this.#bytes) this.#whole = chunk;
    }
    const digest = digestIn(hash);
    if (this.#whole === undefined) this.#promised = { digest, hash: newDigest() };
    return digest;
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
    if (this.#position === this.#bytes) return null;
    const chunk = this.#whole ?? (await this.#chunk(this.#position));
    this.#promised?.hash.update(chunk);
    this.#position += chunk.length;
    // Before the last piece: whoever has it has the length that was promised, and takes it for whole.
    if (this.#position === this.#bytes) this.#assertPromised();
    return chunk;
  }

  async #chunk(position: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#bytes - position));
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new Error(`the file shrank to ${position} of ${this.#bytes} bytes while it was read`);
    return buffer.subarray(0, bytesRead);
  }

  #assertPromised(): void {
    if (this.#promised === undefined || digestIn(this.#promised.hash) === this.#promised.digest) return;
    throw new Error("the file was changed in place while it was read");
  }
}
