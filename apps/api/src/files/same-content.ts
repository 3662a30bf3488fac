import fs, { constants } from "node:fs";
import { promisify } from "node:util";
import { closeDescriptor, openDescriptor, statDescriptor } from "./descriptors.ts";
import { digestIn, newDigest } from "./digest.ts";
import { unless } from "./errors.ts";

const readDescriptor = promisify(fs.read);
const CHUNK_BYTES = 64 * 1024;
/** Neither a symlink is followed nor a pipe waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NOT_READABLE = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EISDIR", "EACCES", "EPERM"];

/** Whether a regular file with just this content is at a place, read piece by piece. */
export async function hasContent(place: Buffer, content: { bytes: number; digest: string }): Promise<boolean> {
  const descriptor = await unless(NOT_READABLE, openDescriptor(place, FLAGS));
  if (descriptor === undefined) return false;
  try {
    const stats = await statDescriptor(descriptor);
    if (!stats.isFile() || stats.size !== content.bytes) return false;
    const hash = newDigest();
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, content.bytes + 1));
    let position = 0;
    for (;;) {
      const { bytesRead } = await readDescriptor(descriptor, buffer, 0, buffer.length, position);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
      // It grows while it is read.
      if (position > content.bytes) return false;
    }
    return digestIn(hash) === content.digest;
  } finally {
    await closeDescriptor(descriptor);
  }
}
