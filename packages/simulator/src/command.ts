/** The command line of the simulator. */
import { PROFILES, type Profile } from "@restart-coordinator/debounce";
import { ConfigurationError, nearestTo } from "@restart-coordinator/service";
import { Command, InvalidArgumentError } from "commander";
import { SimulationError } from "./recordings/recording.ts";
import { DEFAULT_CYCLE_MS, runSimulation } from "./run.ts";

interface Flags {
  readonly profile?: readonly Profile[];
  readonly policy: readonly string[];
  readonly cycle: number;
  readonly start?: number;
  readonly json?: true;
  readonly svg?: string;
  readonly token?: string;
}

/** `simulate`, to be run by itself or as a part of a larger command. Wrong input ends with a message and exit code 1. */
export function simulateCommand(): Command {
  return new Command("simulate")
    .description("Replays recorded triggers in virtual time and says what each policy would have done.")
    .argument(
      "<recordings...>",
      "CSV traces, JSON log lines of the API, saved activity, - for stdin, or http(s) addresses",
    )
    .option(
      "--profile <names>",
      `comma-separated: ${PROFILES.join(", ")} (default: all, unless --policy is given)`,
      profiles,
    )
    .option(
      "--policy <file>",
      "a policy file to compare with; may be repeated",
      (file, all: string[]) => [...all, file],
      [],
    )
    .option("--cycle <duration>", "how long a cycle takes: 30s, 500ms, 2m", duration, DEFAULT_CYCLE_MS)
    .option("--start <time>", "when a trace without a date began, ISO 8601: for quiet hours", time)
    .option("--json", "print an array of objects, one per trace, profile and workspace")
    .option("--svg <file>", "write a picture of the timelines")
    .option("--token <token>", "for http(s) addresses: a token with scope read")
    .showSuggestionAfterError()
    .action(async (recordings: readonly string[], flags: Flags, command: Command) => {
      const profiles = flags.profile ?? (flags.policy.length > 0 ? [] : PROFILES);
      const { json = false, svg: svgFile, token, cycle: cycleMs, start: startMs, policy: policyFiles } = flags;
      try {
        const width = process.stdout.columns;
        const { output, notes } = await runSimulation({
          ...{ recordings, profiles, policyFiles, cycleMs, startMs, json, svgFile, token },
          ...(width !== undefined && { width }),
        });
        for (const note of notes) process.stderr.write(`${note}\n`);
        process.stdout.write(`${output}\n`);
      } catch (error) {
        if (!(error instanceof SimulationError || error instanceof ConfigurationError)) throw error;
        command.error(`error: ${error.message}`);
      }
    });
}

function profiles(text: string): Profile[] {
  return text.split(",").map((name) => {
    const known = PROFILES.find((profile) => profile === name.trim());
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`expected ${PROFILES.join(", ")}; did you mean ${nearestTo(name, PROFILES)[0]}?`);
  });
}

function time(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new InvalidArgumentError("expected ISO 8601 with its zone, such as 2026-05-20T22:00:00Z");
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const LONGEST_MS = 86_400_000;

function duration(text: string): number {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const ms = Math.round(Number(amount) * (UNITS_MS[unit ?? ""] ?? Number.NaN));
  if (Number.isFinite(ms) && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError("expected a duration of at most 24h with its unit, such as 30s, 500ms or 2m");
}
