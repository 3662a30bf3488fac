import { readFileSync } from "node:fs";

/** A row of a trace. */
export interface Recorded {
  readonly atMs: number;
  readonly source: string;
  /** The file, secret or symptom. */
  readonly detail: string;
}

export function readRecorded(name: string): Recorded[] {
  const text = readFileSync(new URL(`../../traces/${name}.csv`, import.meta.url), "utf8");
  const rows = text.split("\n").filter((line) => /^\d/.test(line));
  return rows.map((row) => {
    const [atMs, , source, ...detail] = row.split(",");
    return { atMs: Number(atMs), source: String(source), detail: detail.join(",") };
  });
}
