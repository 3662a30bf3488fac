/** What of the fleet is looked for, as the page's address says it. Pure. */
import { type Line, PHASES, type Phase } from "./types.ts";

export interface FleetQuery {
  readonly text: string;
  readonly phase: Phase | undefined;
  readonly runtime: string | undefined;
  /** As "name: value", or a tag's name alone. */
  readonly tag: string | undefined;
  readonly is: "looping" | "spent" | undefined;
  readonly sort: "urgency" | "id" | "owed";
}

const NOTHING: FleetQuery = {
  text: "",
  phase: undefined,
  runtime: undefined,
  tag: undefined,
  is: undefined,
  sort: "urgency",
};

export function readQuery(params: URLSearchParams): FleetQuery {
  const oneOf = <Value extends string>(name: string, values: readonly Value[]) =>
    values.find((value) => value === params.get(name));
  return {
    text: params.get("q") ?? "",
    phase: oneOf("phase", PHASES),
    runtime: params.get("runtime") ?? undefined,
    tag: params.get("tag") ?? undefined,
    is: oneOf("is", ["looping", "spent"]),
    sort: oneOf("sort", ["urgency", "id", "owed"]) ?? "urgency",
  };
}

export function writeQuery(query: FleetQuery): string {
  const { text, ...rest } = query;
  const params = new URLSearchParams();
  if (text !== "") params.set("q", text);
  for (const [name, value] of Object.entries(rest)) {
    if (value !== undefined && value !== NOTHING[name as keyof FleetQuery]) params.set(name, value);
  }
  return params.toString();
}

export function isNarrowed(query: FleetQuery): boolean {
  return writeQuery({ ...query, sort: "urgency" }) !== "";
}

export function found(lines: readonly Line[], query: FleetQuery, now: number): Line[] {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = lines.filter((line) => {
    if (query.phase !== undefined && line.phase !== query.phase) return false;
    if (query.runtime !== undefined && line.runtime !== query.runtime) return false;
    if (query.tag !== undefined && !hasTag(line, query.tag)) return false;
    if (query.is === "looping" && !line.looping) return false;
    if (query.is === "spent" && (line.budgetUntil === null || Date.parse(line.budgetUntil) <= now)) return false;
    return words.every((word) => isAbout(line, word));
  });
  return matching.sort(ORDERS[query.sort]);
}

function hasTag({ tags }: Line, tag: string): boolean {
  const [name = "", value] = tag.split(/:\s*(.*)/);
  return value === undefined ? Object.hasOwn(tags, name) : tags[name] === value;
}

function isAbout({ id, name, tags }: Line, word: string): boolean {
  if (id.toLowerCase().includes(word) || name?.toLowerCase().includes(word)) return true;
  return Object.values(tags).some((value) => value.toLowerCase().includes(word));
}

const URGENCY: Readonly<Record<Phase, number>> = { failed: 0, running: 1, backoff: 2, scheduled: 3, held: 4, idle: 5 };
const byId = (a: Line, b: Line): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const timeOf = (text: string | null): number => (text === null ? Number.POSITIVE_INFINITY : Date.parse(text));

const ORDERS: Readonly<Record<FleetQuery["sort"], (a: Line, b: Line) => number>> = {
  urgency: (a, b) =>
    URGENCY[a.phase] - URGENCY[b.phase] ||
    compare(timeOf(a.dueAt ?? a.startedAt), timeOf(b.dueAt ?? b.startedAt)) ||
    byId(a, b),
  owed: (a, b) => compare(timeOf(a.owedSince), timeOf(b.owedSince)) || byId(a, b),
  id: byId,
};

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** What can be chosen, the most frequent first. */
export function choices(lines: readonly Line[]): { runtimes: string[]; tags: string[] } {
  const runtimes = new Map<string, number>();
  const tags = new Map<string, number>();
  const add = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const line of lines) {
    if (line.runtime !== null) add(runtimes, line.runtime);
    for (const [name, value] of Object.entries(line.tags)) add(tags, `${name}: ${value}`);
  }
  const frequent = (counts: Map<string, number>) =>
    [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 100)
      .map(([key]) => key);
  return { runtimes: frequent(runtimes), tags: frequent(tags) };
}
