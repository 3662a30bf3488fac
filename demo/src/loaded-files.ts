import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** What a workspace reads when it starts: SHA-256 and size of each file, by its path. */
export function loadFiles(root: string): Record<string, { sha256: string; bytes: number }> {
  const files: Record<string, { sha256: string; bytes: number }> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    files[relative(root, path)] = {
      sha256: createHash("sha256").update(content).digest("hex"),
      bytes: content.length,
    };
  }
  return files;
}

export function hashesOf(files: ReturnType<typeof loadFiles>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, { sha256 }]) => [path, sha256]));
}
