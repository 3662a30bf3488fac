import { existsSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";

/** The file that `node` runs as one of our programs, which is named by its source file: "apps/api/src/main.ts". */
export function program(source: string): string {
  const file = join(inject("bundles"), source.replace(/\.ts$/, ".mjs"));
  if (!existsSync(file)) throw new Error(`${source}: expected one of the PROGRAMS in tests/setup/bundles.ts`);
  return file;
}
