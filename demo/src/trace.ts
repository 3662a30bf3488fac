/** Reads a recorded burst: who asked for a restart of which workspace, when. */
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILT_IN_SOURCES, isWorkspaceId } from "@restart-coordinator/debounce";
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
const HEADER = "offset_ms,workspace,source,detail";
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

/** @throws UsageError */
export function parseTrace(name: string, text: string): Trace {
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ line, number: i + 1 }))
    .filter(({ line }) => line.trim() !== "" && !line.startsWith("#"));
  if (lines[0]?.line !== HEADER) {
    throw new UsageError(
      `trace ${name}: expected the header "${HEADER}", got "${(lines[0]?.line ?? "").slice(0, 60)}"`,
    );
  }
  const entries = lines.slice(1).map(({ line, number }) => parseEntry(line, `trace ${name}, line ${number}`));
  entries.sort((a, b) => a.offsetMs - b.offsetMs);
  const first = entries[0];
  const last = entries.at(-1);
  if (first === undefined || last === undefined) throw new UsageError(`trace ${name}: it has no entries`);
  const workspaces = [...new Set(entries.map(({ workspace }) => workspace))];
  if (workspaces.length > MOST_WORKSPACES) {
    throw new UsageError(
      `trace ${name}: ${workspaces.length} workspaces, and each is a real process here: at most ${MOST_WORKSPACES}`,
    );
  }
  return {
    name,
    entries: entries.map((entry) => ({ ...entry, offsetMs: entry.offsetMs - first.offsetMs })),
    workspaces,
    durationMs: last.offsetMs - first.offsetMs,
  };
}

function parseEntry(line: string, where: string): TraceEntry {
  const [offset = "", workspace = "", source = "", ...rest] = line.split(",");
  if (!/^\d{1,9}$/.test(offset)) throw new UsageError(`${where}: expected offset_ms in ms, got "${offset}"`);
  if (!isWorkspaceId(workspace)) throw new UsageError(`${where}: not a workspace id: "${workspace}"`);
  if (!(BUILT_IN_SOURCES as readonly string[]).includes(source)) {
    throw new UsageError(`${where}: expected a source of ${BUILT_IN_SOURCES.join(", ")}, got "${source}"`);
  }
  const detail = rest.join(",");
  if (detail === "") throw new UsageError(`${where}: the detail (a file, or a reason) is missing`);
  return { offsetMs: Number(offset), workspace, source, detail };
}
