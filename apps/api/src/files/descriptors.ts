/**
 * Calls on plain file descriptors: numbers and no FileHandle, which can only be closed by way of the thread pool. Whoever
 * opens one closes it: a directory with `fs.closeSync`, which waits for nothing; a file may wait for its server.
 */
import fs from "node:fs";
import { promisify } from "node:util";

export const openDescriptor = promisify(fs.open);
export const closeDescriptor = promisify(fs.close);
export const statDescriptor = promisify(fs.fstat);
export const chmodDescriptor = promisify(fs.fchmod);
export const syncDescriptor = promisify((descriptor: number, done: fs.NoParamCallback) => fs.fsync(descriptor, done));

/** Writes all of it where the last write ended. */
export const writeToDescriptor = promisify((descriptor: number, chunk: Buffer, done: fs.NoParamCallback) =>
  fs.writeFile(descriptor, chunk, done),
);
