/**
 * What every workspace process writes down about itself, beside the files it serves: when it started and ended, what it
 * loaded. The demo judges by this, not by what the coordinator says of itself.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

export type AgentLine = { readonly pid: number; readonly at: number } & (
  | {
      readonly event: "start";
      readonly cycleId: string;
      /** Processes of the same workspace that were still alive. */
      readonly alive: readonly number[];
    }
  | { readonly event: "loaded"; readonly files: Readonly<Record<string, string>> }
  | { readonly event: "ready" | "exit" }
);

/** One process of a workspace, or one instance, from its start to its end. Times are ms since the epoch. */
export interface AgentRun {
  readonly workspace: string;
  /** What people call it: "process 4711", "instance i-0abc". */
  readonly runner: string;
  readonly cycleId: string;
  readonly startedAt: number;
  readonly aliveAtStart: readonly string[];
  /** SHA-256 of each file it read. */
  readonly files: Readonly<Record<string, string>>;
  readonly loadedAt: number | undefined;
  readonly readyAt: number | undefined;
  /** Undefined while it lives, or when it was killed before it could write it. */
  readonly exitedAt: number | undefined;
}

export function appendLine(folder: string, workspace: string, line: AgentLine): void {
  appendFileSync(fileOf(folder, workspace), `${JSON.stringify(line)}\n`);
}

/** In the order of their starts; none when no process of the workspace has started. */
export function readRuns(folder: string, workspace: string): AgentRun[] {
  const runs: AgentRun[] = [];
  for (const line of linesOf(folder, workspace)) {
    if (line.event === "start") {
      const { pid, cycleId, at: startedAt, alive } = line;
      const open = { files: {}, loadedAt: undefined, readyAt: undefined, exitedAt: undefined };
      runs.push({
        ...{ workspace, runner: processOf(pid), cycleId, startedAt, aliveAtStart: alive.map(processOf) },
        ...open,
      });
      continue;
    }
    const index = runs.findLastIndex(({ runner }) => runner === processOf(line.pid));
    const run = runs[index];
    if (run === undefined) continue;
    runs[index] = {
      ...run,
      ...(line.event === "loaded" && { files: line.files, loadedAt: line.at }),
      ...(line.event === "ready" && { readyAt: line.at }),
      ...(line.event === "exit" && { exitedAt: line.at }),
    };
  }
  return runs;
}

export function instanceOf(id: string): string {
  return `instance ${id}`;
}

export function processOf(pid: number): string {
  return `process ${pid}`;
}

function fileOf(folder: string, workspace: string): string {
  return join(folder, `${workspace}.jsonl`);
}

function linesOf(folder: string, workspace: string): AgentLine[] {
  try {
    const lines = readFileSync(fileOf(folder, workspace), "utf8").split("\n");
    // The last piece is empty, or a line that is being written right now.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AgentLine);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
