/** Reads a recorded burst: who asked for a restart of which workspace, when. */
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILT_IN_SOURCES } from "@restart-coordinator/debounce";
import { parseCsv, type RecordedTrigger, SimulationError } from "@restart-coordinator/simulator";
import { UsageError } from "./options.ts";

export interface TraceEntry {
  /** Since the first entry, ms. */
  readonly offsetMs: number;
  readonly workspace: string;
  readonly source: string;
  /** The file that is written; for other sources, the reason. */
  readonly detail: string;
}

export interface Trace {
  readonly name: string;
  /** In the order of time; at least one. */
  readonly entries: readonly TraceEntry[];
  readonly workspaces: readonly string[];
  readonly durationMs: number;
}

const FOLDER = fileURLToPath(new URL("../../traces/", import.meta.url));
/** Each is a real process here. */
const MOST_WORKSPACES = 12;

/** @throws UsageError saying which line is wrong and what was expected */
export async function loadTrace(nameOrFile: string): Promise<Trace> {
  const isFile = /[/\\]|\.csv$/.test(nameOrFile);
  const file = isFile ? nameOrFile : `${FOLDER}${nameOrFile}.csv`;
  const text = await readFile(file, "utf8").catch(async (error: Error) => {
    const known = (await readdir(FOLDER)).map((name) => basename(name, ".csv")).sort();
    throw new UsageError(`--trace ${nameOrFile}: ${error.message}. Expected a CSV file, or ${known.join(", ")}`);
  });
  return parseTrace(basename(file, ".csv"), text);
}

/** @throws UsageError saying which line is wrong and what was expected */
export function parseTrace(name: string, text: string): Trace {
  const triggers = recordedIn(name, text);
  const first = triggers[0];
  const last = triggers.at(-1);
  if (first === undefined || last === undefined) throw new UsageError(`trace ${name}: it has no entries`);
  const workspaces = [...new Set(triggers.map(({ workspace }) => workspace))];
  if (workspaces.length > MOST_WORKSPACES) {
    throw new UsageError(
      `trace ${name}: ${workspaces.length} workspaces, and each is a real process here: at most ${MOST_WORKSPACES}`,
    );
  }
  return {
    name,
    entries: triggers.map((trigger) => entryOf(trigger, first.atMs)),
    workspaces,
    durationMs: last.atMs - first.atMs,
  };
}

function recordedIn(name: string, text: string): RecordedTrigger[] {
  try {
    return parseCsv(`trace ${name}`, text);
  } catch (error) {
    throw error instanceof SimulationError ? new UsageError(error.message) : error;
  }
}

function entryOf({ atMs, workspace, source, detail = "", where }: RecordedTrigger, startMs: number): TraceEntry {
  if (!(BUILT_IN_SOURCES as readonly string[]).includes(source)) {
    throw new UsageError(`${where}: expected a source of ${BUILT_IN_SOURCES.join(", ")}, got "${source}"`);
  }
  if (detail === "") throw new UsageError(`${where}: the detail (a file, or a reason) is missing`);
  return { offsetMs: atMs - startMs, workspace, source, detail };
}
