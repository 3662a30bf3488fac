import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { onTestFinished, vi } from "vitest";

/** From now on, the inodes of what this process syncs, in the order in which it began. */
export async function recordSyncs(): Promise<number[]> {
  const inodes: number[] = [];
  await beforeSyncs((descriptor) => inodes.push(fs.fstatSync(descriptor).ino));
  return inodes;
}

/** Makes the nth sync from now fail as a full disk does. */
export async function failSync(nth: number): Promise<void> {
  let count = 0;
  await beforeSyncs(() => {
    count++;
    if (count === nth) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  });
}

/** Does something just before the next sync. */
export async function onNextSync(act: () => void): Promise<void> {
  let isDone = false;
  await beforeSyncs(() => {
    if (!isDone) act();
    isDone = true;
  });
}

/** Calls `look` before everything that this process syncs, until the test is over; what it throws is why the sync fails. */
async function beforeSyncs(look: (descriptor: number) => void): Promise<void> {
  const handle = await open(import.meta.filename);
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const { sync } = prototype;
  const files = vi.spyOn(prototype, "sync").mockImplementation(async function (this: FileHandle) {
    look(this.fd);
    await sync.call(this);
  });
  // Directories are held by plain descriptors.
  const { fsync } = fs;
  const directories = vi.spyOn(fs, "fsync").mockImplementation((descriptor, done) => {
    try {
      look(descriptor);
    } catch (error) {
      return done(error as NodeJS.ErrnoException);
    }
    fsync(descriptor, done);
  });
  onTestFinished(() => {
    files.mockRestore();
    directories.mockRestore();
  });
}
