import { readFileSync } from "node:fs";
import { parseCsv } from "@restart-coordinator/simulator";

/** A row of a trace. */
export interface Recorded {
  readonly atMs: number;
  readonly source: string;
  /** The file, secret or symptom. */
  readonly detail: string;
}

export function readRecorded(name: string): Recorded[] {
  const text = readFileSync(new URL(`../../traces/${name}.csv`, import.meta.url), "utf8");
  return parseCsv(name, text).map(({ atMs, source, detail = "" }) => ({ atMs, source, detail }));
}
