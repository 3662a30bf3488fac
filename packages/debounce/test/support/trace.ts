import { readFileSync } from "node:fs";
import type { ReplayedTrigger } from "../../src/simulation/replay.ts";

export function readTrace(name: string): ReplayedTrigger[] {
  const text = readFileSync(new URL(`../../../../traces/${name}.csv`, import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => /^\d/.test(line));
  return rows.map((row) => {
    const [atMs, , source] = row.split(",");
    return { atMs: Number(atMs), source: String(source) };
  });
}
