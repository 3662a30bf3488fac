/** Finds out what kind of recording was given, by its address or by what it begins with. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { activityPage, triggersOf } from "./activity.ts";
import { parseCsv } from "./csv.ts";
import { parseLogLines } from "./log-lines.ts";
import { type Recording, SimulationError } from "./recording.ts";
import { readRunningSystem } from "./running-system.ts";

/** `from`: a file, `-` for standard input, or the address of a running system. @throws SimulationError */
export async function readRecording(from: string, token?: string): Promise<Recording> {
  if (/^https?:\/\//.test(from)) {
    return { name: from, ...(await readRunningSystem(from, token)), notes: [FROM_ACTIVITY] };
  }
  const content = await (from === "-" ? readAll(process.stdin) : readFile(from, "utf8")).catch((error: Error) => {
    throw new SimulationError(`${from}: cannot be read: ${error.message}`);
  });
  const name = from === "-" ? "stdin" : basename(from).replace(/\.(csv|jsonl?|ndjson|log)$/, "");
  if (isCsv(content)) return { name, triggers: parseCsv(from, content), startsAtMs: undefined, notes: [] };
  const saved = savedActivity(content);
  if (saved !== undefined) return { name, ...triggersOf(saved.activity, [], from), notes: [FROM_ACTIVITY] };
  return { name, ...parseLogLines(from, content) };
}

const FROM_ACTIVITY = "from activity: of several triggers of a cycle only the first and the last time are known";

const LINES_LOOKED_AT = 1_000;

function isCsv(content: string): boolean {
  const lines = content.split("\n", LINES_LOOKED_AT).map((line) => line.trim());
  const first = lines.find((line) => line !== "" && !line.startsWith("#"));
  return first?.includes("{") !== true;
}

function savedActivity(content: string) {
  try {
    return activityPage.safeParse(JSON.parse(content)).data;
  } catch {
    return undefined;
  }
}
