import { isWorkspaceId } from "@restart-coordinator/debounce";

/** A trigger as it was recorded. */
export interface RecordedTrigger {
  readonly atMs: number;
  readonly workspace: string;
  readonly source: string;
  /** What else a trace says of it: the file that was written, or the reason. */
  readonly detail?: string;
  /** A write of the bytes that were there already. */
  readonly unchanged?: boolean;
  /** Where it stands, for messages: `file:line`, or the address it came from. */
  readonly where: string;
}

/** Triggers in the order of time, and what they are called. */
export interface Recording {
  readonly name: string;
  readonly triggers: readonly RecordedTrigger[];
  /** When its zero was, ms since the epoch; undefined where only the time between triggers is known. */
  readonly startsAtMs: number | undefined;
  /** What could not be taken over, in words. */
  readonly notes: readonly string[];
}

/** What was given cannot be simulated. The message says where, what was expected and what came. */
export class SimulationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SimulationError";
  }
}

/** @throws SimulationError */
export function expectWorkspaceId(text: unknown, where: string): string {
  if (typeof text === "string" && isWorkspaceId(text)) return text;
  throw new SimulationError(
    `${where}: expected a workspace id (1 to 128 letters, digits, ".", "_" or "-", not starting with a dot), got ${shown(text)}`,
  );
}

/** What came, short enough for a line. */
export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

export function inOrderOfTime(triggers: RecordedTrigger[]): RecordedTrigger[] {
  return triggers.sort((a, b) => a.atMs - b.atMs);
}

/** Recorded times are those of a clock; a simulation begins with its first trigger. */
export function sinceTheFirst(triggers: RecordedTrigger[]): Pick<Recording, "triggers" | "startsAtMs"> {
  const first = inOrderOfTime(triggers)[0]?.atMs;
  if (first === undefined) return { triggers: [], startsAtMs: undefined };
  return { triggers: triggers.map((trigger) => ({ ...trigger, atMs: trigger.atMs - first })), startsAtMs: first };
}
