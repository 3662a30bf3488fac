import { Readable } from "node:stream";
import { digestIn, newDigest } from "./digest.ts";
import { tooLarge } from "./set.ts";

/**
 * The length and digest of a source, read to its end and not kept.
 * @throws FileError `too-large`
 */
export async function contentOf(
  source: Readable | Buffer,
  { path, maxBytes }: { readonly path: string; readonly maxBytes: number },
): Promise<{ readonly bytes: number; readonly digest: string }> {
  const hash = newDigest();
  let bytes = 0;
  const pieces = source instanceof Readable ? source.iterator({ destroyOnReturn: false }) : [source];
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(path, maxBytes);
    hash.update(piece);
  }
  return { bytes, digest: digestIn(hash) };
}
