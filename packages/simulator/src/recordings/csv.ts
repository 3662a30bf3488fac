/**
 * Traces: `offset_ms,workspace,source[,changed][,detail]`, a header line first; lines that begin with # are comments. `changed`
 * is `no` for a write of the bytes that were there already, `yes` or nothing otherwise.
 */
import { CsvError, parse } from "csv-parse/sync";
import { expectWorkspaceId, inOrderOfTime, type RecordedTrigger, SimulationError, shown } from "./recording.ts";

const NEEDED = ["offset_ms", "workspace", "source"] as const;

/** @throws SimulationError naming the file, the line, what was expected and what came */
export function parseCsv(file: string, text: string): RecordedTrigger[] {
  const rows = rowsOf(file, text);
  const header = rows[0];
  if (header === undefined)
    throw new SimulationError(`${file}: expected the header "${NEEDED.join(",")},detail", got nothing`);
  const names = header.record.map((name) => name.trim());
  const [offsetAt, workspaceAt, sourceAt] = NEEDED.map((name) => names.indexOf(name)) as [number, number, number];
  if (Math.min(offsetAt, workspaceAt, sourceAt) < 0) {
    throw new SimulationError(
      `${file}:${header.info.lines}: expected a header with ${NEEDED.join(", ")}, got ${shown(names.join(","))}`,
    );
  }
  const changedAt = names.indexOf("changed");
  const detailAt = names.indexOf("detail");
  const isLast = detailAt === names.length - 1;
  const triggers = rows.slice(1).map(({ record, info }) => {
    const where = `${file}:${info.lines}`;
    const offset = record[offsetAt]?.trim() ?? "";
    if (!/^\d{1,13}$/.test(offset)) {
      throw new SimulationError(`${where}: expected offset_ms, whole milliseconds from 0, got ${shown(offset)}`);
    }
    const source = record[sourceAt]?.trim() ?? "";
    if (source === "") throw new SimulationError(`${where}: expected a source, got nothing`);
    const workspace = expectWorkspaceId(record[workspaceAt]?.trim() ?? "", where);
    const changed = changedAt === -1 ? "" : (record[changedAt]?.trim() ?? "");
    if (!["", "yes", "no"].includes(changed)) {
      throw new SimulationError(`${where}: expected changed to be yes or no, got ${shown(changed)}`);
    }
    // Free text: a comma in the last column is only that.
    const detail = detailAt === -1 ? "" : record.slice(detailAt, isLast ? undefined : detailAt + 1).join(",");
    return { atMs: Number(offset), workspace, source, detail, where, ...(changed === "no" && { unchanged: true }) };
  });
  return inOrderOfTime(triggers);
}

interface Row {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

function rowsOf(file: string, text: string): Row[] {
  try {
    const options = { bom: true, comment: "#", comment_no_infix: true, info: true, relax_column_count: true } as const;
    // A detail is free text: a quote in the middle of it is only that.
    return parse(text, { ...options, relax_quotes: true, skip_empty_lines: true }) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new SimulationError(`${file}:${error.lines ?? "?"}: expected CSV, got ${error.message}`);
  }
}
