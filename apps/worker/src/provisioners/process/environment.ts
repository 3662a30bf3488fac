import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

/** All that a workspace's process inherits from the worker, whose other variables may be secrets. */
const inherited = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

export interface LaunchFacts {
  readonly workspaceId: string;
  readonly filesDir: string;
  readonly cycleId: string;
  readonly fencingToken: number;
}

/** The variables a workspace can set or see before it is launched: the inherited ones, and its own over them. */
export function baseEnvironment(own: Readonly<Record<string, string>>): Record<string, string> {
  const kept = inherited.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...own };
}

/** The whole environment of one launch. A readiness answer can use it to say which launch it comes from. */
export function launchEnvironment(own: Readonly<Record<string, string>>, facts: LaunchFacts): Record<string, string> {
  return {
    ...baseEnvironment(own),
    WORKSPACE_ID: facts.workspaceId,
    WORKSPACE_FILES: facts.filesDir,
    RESTART_CYCLE_ID: facts.cycleId,
    RESTART_FENCING_TOKEN: String(facts.fencingToken),
  };
}

/** Whether the launch would find the executable: by PATH, or, when it holds a slash, from the files directory. */
export async function isExecutable(name: string, path: string | undefined, filesDir: string): Promise<boolean> {
  const candidates = name.includes("/")
    ? [resolve(filesDir, name)]
    : (path ?? "").split(delimiter).map((directory) => join(resolve(filesDir, directory), name));
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
