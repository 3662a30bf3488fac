import fs from "node:fs";
import { onTestFinished, vi } from "vitest";

/** From now on, the inodes of what this process syncs, in the order in which it began. */
export function recordSyncs(): number[] {
  const inodes: number[] = [];
  beforeSyncs((descriptor) => inodes.push(fs.fstatSync(descriptor).ino));
  return inodes;
}

/** Makes the nth sync from now fail as a full disk does. */
export function failSync(nth: number): void {
  let count = 0;
  beforeSyncs(() => {
    count++;
    if (count === nth) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  });
}

/** Does something just before the next sync. */
export function onNextSync(act: () => void): void {
  let isDone = false;
  beforeSyncs(() => {
    if (!isDone) act();
    isDone = true;
  });
}

/** Calls `look` before everything that this process syncs, until the test is over; what it throws is why the sync fails. */
function beforeSyncs(look: (descriptor: number) => void): void {
  const { fsync } = fs;
  const spy = vi.spyOn(fs, "fsync").mockImplementation((descriptor, done) => {
    try {
      look(descriptor);
    } catch (error) {
      return done(error as NodeJS.ErrnoException);
    }
    fsync(descriptor, done);
  });
  onTestFinished(() => spy.mockRestore());
}
