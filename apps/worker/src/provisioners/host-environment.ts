/** What a process on the worker's host inherits from it, and where its executable is looked for. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

/** All that is inherited from the worker, whose other variables may be secrets. */
const inherited = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/** Puts a workspace's own variables over the inherited ones. */
export function baseEnvironment(own: Readonly<Record<string, string>>): Record<string, string> {
  const kept = inherited.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...own };
}

/** Tells whether a launch would find the executable: by PATH, or, when it holds a slash, from the directory. */
export async function isExecutable(name: string, path: string | undefined, directory: string): Promise<boolean> {
  const candidates = name.includes("/")
    ? [resolve(directory, name)]
    : (path ?? "").split(delimiter).map((entry) => join(resolve(directory, entry), name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      if ((await stat(candidate)).isFile()) return true;
    } catch {
      // Not this one.
    }
  }
  return false;
}
