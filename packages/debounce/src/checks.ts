/** Checks what a caller hands in. Whoever is wrong is told what was expected, what came, and the nearest valid name. */
import { closest } from "fastest-levenshtein";

/** An argument or option that cannot be used. Nothing was changed. */
export class InvalidArgumentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidArgumentError";
  }
}

const LONGEST_SHOWN = 100;

/** @throws InvalidArgumentError */
export function needWhole(name: string, value: unknown, least: number, most: number, unit = ""): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return;
  const range = `a whole number${unit === "" ? "" : ` of ${unit}`} from ${least} to ${most}`;
  throw new InvalidArgumentError(`expected ${name} to be ${range}, got ${shown(value)}`);
}

/** A duration; 24.8 days is as long as timers go. @throws InvalidArgumentError */
export function needMs(name: string, value: unknown, least = 1, most = 2 ** 31 - 1): void {
  needWhole(name, value, least, most, "milliseconds");
}

/** @throws InvalidArgumentError */
export function needOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value === "string" && known.includes(value)) return;
  throw new InvalidArgumentError(`expected ${name} to be one of ${known.join(", ")}, got ${shown(value)}`);
}

/** @throws InvalidArgumentError */
export function needText(name: string, value: unknown, most = Infinity): void {
  const length = typeof value === "string" ? value.length : 0;
  if (length > 0 && length <= most) return;
  const size = most === Infinity ? "a text that is not empty" : `a text of 1 to ${most} characters`;
  throw new InvalidArgumentError(`expected ${name} to be ${size}, got ${shown(value)}`);
}

type Kind = "string" | "boolean" | "function" | "object";

/** The kind of a value that may be left out. @throws InvalidArgumentError */
export function needKind(name: string, value: unknown, kind: Kind): void {
  const isKind = typeof value === kind && value !== null && !(kind === "object" && Array.isArray(value));
  if (value === undefined || isKind) return;
  const a = kind === "object" ? "an object" : kind === "string" ? "a text" : `a ${kind}`;
  throw new InvalidArgumentError(`expected ${name} to be ${a}, got ${shown(value)}`);
}

/** An object that has no other fields. @throws InvalidArgumentError */
export function needFields(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError(`expected ${name} to be an object, got ${shown(value)}`);
  }
  for (const field of Object.keys(value)) {
    if (known.includes(field)) continue;
    throw new InvalidArgumentError(
      `${name} knows no ${shown(field)}: did you mean "${closest(field, known)}"? Known are ${known.join(", ")}`,
    );
  }
}

function shown(value: unknown): string {
  if (typeof value !== "string") return Array.isArray(value) ? "a list" : String(value).slice(0, LONGEST_SHOWN);
  return `"${value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value}"`;
}
