import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A file of that name and content, gone after the test. */
export function fileWith(name: string, content: string): string {
  const directory = mkdtempSync(join(tmpdir(), "simulator-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, name), content);
  return join(directory, name);
}
