/** The simulator as a function: options in, what to print out. The command line is a shell around it. */
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { POLICIES, PROFILES, type Profile } from "@restart-coordinator/debounce";
import { loadPolicies } from "@restart-coordinator/service";
import { readRecording } from "./recordings/read.ts";
import { SimulationError } from "./recordings/recording.ts";
import { type NamedPolicy, recordOf, simulate } from "./simulate.ts";
import { drawSvg } from "./svg.ts";
import { drawTable } from "./table.ts";
import { drawTimelines } from "./timeline.ts";

export interface SimulateOptions {
  /** Files (CSV traces, JSON log lines, saved activity), `-` for standard input, or addresses of running systems. */
  readonly recordings: readonly string[];
  readonly profiles: readonly Profile[];
  /** Policy files, compared beside the profiles under their file's name. */
  readonly policyFiles?: readonly string[];
  /** How long every cycle takes, ms. */
  readonly cycleMs: number;
  /** Print an array of `SimulationRecord`s instead of text. */
  readonly json?: boolean;
  /** Write a picture there. */
  readonly svgFile?: string | undefined;
  /** For running systems: a token with scope read. */
  readonly token?: string | undefined;
  /** Columns of the terminal. */
  readonly width?: number;
}

export const DEFAULT_CYCLE_MS = 30_000;
const DEFAULT_WIDTH = 120;

/** `notes` say what was left out of a recording. @throws SimulationError, ConfigurationError (a policy file) */
export async function runSimulation(options: SimulateOptions): Promise<{ output: string; notes: readonly string[] }> {
  const policies: NamedPolicy[] = [
    ...options.profiles.map((name) => ({ name, policies: { common: POLICIES[name], overrides: [] } })),
    ...(options.policyFiles ?? []).map((file) => ({
      name: basename(file),
      policies: loadPolicies({ RESTART_POLICY_FILE: file }),
    })),
  ];
  if (policies.length === 0) throw new SimulationError(`expected a profile (${PROFILES.join(", ")}) or a policy file`);
  const recordings = await Promise.all(options.recordings.map((from) => readRecording(from, options.token)));
  const simulations = await simulate(recordings, policies, options.cycleMs);
  if (options.svgFile !== undefined) await writePicture(options.svgFile, drawSvg(simulations));
  const width = options.width ?? DEFAULT_WIDTH;
  const output = options.json
    ? JSON.stringify(simulations.map(recordOf), null, 2)
    : [drawTable(simulations, width), drawTimelines(simulations, width)].filter((text) => text !== "").join("\n\n");
  const notes = recordings.flatMap(({ name, notes, triggers }) =>
    [...notes, ...(triggers.length === 0 ? ["no triggers in it"] : [])].map((note) => `${name}: ${note}`),
  );
  return { output, notes: [...notes, ...policies.flatMap(byRegistry)] };
}

/** A recording does not tell a workspace's tags and runtime. */
function byRegistry({ name, policies }: NamedPolicy): string[] {
  const unsure = policies.overrides.filter(({ match }) => match.tags !== undefined || match.runtime !== undefined);
  return unsure.map((override) => `${name}: ${override.name} is left out: it goes by tags or runtime`);
}

async function writePicture(file: string, svg: string): Promise<void> {
  await writeFile(file, svg).catch((error: Error) => {
    throw new SimulationError(`--svg ${file}: cannot be written: ${error.message}`);
  });
}
