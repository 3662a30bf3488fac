/** The API's own log: one JSON line per decision, with `time`, `workspaceId`, `source` and `decision`. */
import {
  expectWorkspaceId,
  type RecordedTrigger,
  type Recording,
  SimulationError,
  shown,
  sinceTheFirst,
} from "./recording.ts";

/** @throws SimulationError naming the file, the line, what was expected and what came */
export function parseLogLines(file: string, text: string): Omit<Recording, "name"> {
  const triggers: RecordedTrigger[] = [];
  let refused = 0;
  let foreign = 0;
  for (const [index, line] of text.split("\n").entries()) {
    // docker compose and the like put a name in front.
    const start = line.indexOf("{");
    if (start === -1) {
      if (line.trim() !== "") foreign += 1;
      continue;
    }
    const where = `${file}:${index + 1}`;
    const entry = parseJson(line.slice(start), where);
    if (entry.decision === undefined || entry.source === undefined) continue;
    if (entry.decision === "refused") {
      refused += 1;
      continue;
    }
    const atMs = typeof entry.time === "number" ? entry.time : Date.parse(String(entry.time));
    if (!Number.isFinite(atMs)) {
      throw new SimulationError(
        `${where}: expected "time" as ISO 8601 or ms since the epoch, got ${shown(entry.time)}`,
      );
    }
    const workspace = expectWorkspaceId(entry.workspaceId, where);
    triggers.push({ atMs, workspace, source: String(entry.source), where, unchanged: entry.rule === "unchanged" });
  }
  const notes = [
    ...(refused > 0 ? [`${refused} refused triggers left out: a simulated workspace is never paused`] : []),
    ...(foreign > 0 ? [`${foreign} lines without JSON left out`] : []),
  ];
  return { ...sinceTheFirst(triggers), notes };
}

function parseJson(text: string, where: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new SimulationError(`${where}: expected a JSON log line, got ${shown(text)}`);
  }
}
