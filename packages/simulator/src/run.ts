/** The simulator as a function: options in, what to print out. The command line is a shell around it. */
import { writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { POLICIES, type Policy, type PolicySet, PROFILES, type Profile } from "@restart-coordinator/debounce";
import { loadPolicies } from "@restart-coordinator/service";
import { readRecording } from "./recordings/read.ts";
import { type Recording, SimulationError } from "./recordings/recording.ts";
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
  /** When the zero of a recording without a date was, ms since the epoch; without it, it has no quiet hours. */
  readonly startMs?: number | undefined;
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
  const policies = [...options.profiles.map(profilePolicy), ...(options.policyFiles ?? []).map(filePolicy)];
  if (policies.length === 0) throw new SimulationError(`expected a profile (${PROFILES.join(", ")}) or a policy file`);
  const read = await Promise.all(options.recordings.map((from) => readRecording(from, options.token)));
  const recordings = read.map((recording) => ({ ...recording, startsAtMs: recording.startsAtMs ?? options.startMs }));
  const simulations = await simulate(recordings, policies, options.cycleMs);
  if (options.svgFile !== undefined) await writePicture(options.svgFile, drawSvg(simulations));
  const width = options.width ?? DEFAULT_WIDTH;
  const output = options.json
    ? JSON.stringify(simulations.map(recordOf), null, 2)
    : [drawTable(simulations, width), drawTimelines(simulations, width)].filter((text) => text !== "").join("\n\n");
  const notes = recordings.flatMap(({ name, notes, triggers }) =>
    [...notes, ...(triggers.length === 0 ? ["no triggers in it"] : [])].map((note) => `${name}: ${note}`),
  );
  return { output, notes: [...notes, ...policies.flatMap((policy) => leftOut(policy, recordings))] };
}

function profilePolicy(name: Profile): NamedPolicy {
  const policies = { common: POLICIES[name], overrides: [] };
  return { name, policiesFor: () => policies };
}

const DAY_MS = 86_400_000;

function filePolicy(file: string): NamedPolicy {
  const policiesFor = ({ startsAtMs = 0, triggers }: Recording): PolicySet => {
    const span = { fromMs: startsAtMs, toMs: startsAtMs + (triggers.at(-1)?.atMs ?? 0) + 8 * DAY_MS };
    return loadPolicies({ RESTART_POLICY_FILE: file }, span);
  };
  return {
    name: basename(file),
    policiesFor: (recording) => inRecordedTime(policiesFor(recording), recording.startsAtMs),
  };
}

/** Quiet hours are times of a clock, and a recording begins at zero; one without a date has none. */
function inRecordedTime({ common, overrides }: PolicySet, startsAtMs: number | undefined): PolicySet {
  const shifted = ({ quietHours, ...policy }: Policy): Policy => {
    if (quietHours === undefined || startsAtMs === undefined) return policy;
    const intervals = quietHours.intervals.map(([start, end]) => [start - startsAtMs, end - startsAtMs] as const);
    return { ...policy, quietHours: { ...quietHours, intervals } };
  };
  return {
    common: shifted(common),
    overrides: overrides.map((override) => ({ ...override, policy: shifted(override.policy) })),
  };
}

/** A recording does not tell a workspace's tags and runtime, and a trace does not tell its date. */
function leftOut({ name, policiesFor }: NamedPolicy, recordings: readonly Recording[]): string[] {
  const dated = { name: "", triggers: [], notes: [], startsAtMs: 0 };
  const { common, overrides } = policiesFor(dated);
  const unsure = overrides.filter(({ match }) => match.tags !== undefined || match.runtime !== undefined);
  const hasQuietHours = [common, ...overrides.map(({ policy }) => policy)].some(
    ({ quietHours }) => quietHours !== undefined,
  );
  const undated = hasQuietHours ? recordings.filter(({ startsAtMs }) => startsAtMs === undefined) : [];
  return [
    ...unsure.map((override) => `${name}: ${override.name} is left out: it goes by tags or runtime`),
    ...undated.map((trace) => `${name}: no quiet hours in ${trace.name}, which has no date: give one with --start`),
  ];
}

async function writePicture(file: string, svg: string): Promise<void> {
  await writeFile(file, svg).catch((error: Error) => {
    throw new SimulationError(`--svg ${file}: cannot be written: ${error.message}`);
  });
}
