import { InvalidArgumentError } from "commander";
import { wholeNumber } from "./duration.ts";

/** `--tag a=b --tag c=d` becomes one object. */
export function keyValue(text: string, all: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError("expected name=value");
  return { ...all, [name]: value };
}

/** "3" or "5%". */
export function canary(text: string): { count: number } | { percent: number } {
  return text.endsWith("%") ? { percent: wholeNumber(text.slice(0, -1)) } : { count: wholeNumber(text) };
}

export function neverOr(text: string): number | null {
  return text === "never" ? null : wholeNumber(text);
}

export function isNone(object: object): boolean {
  return Object.keys(object).length === 0;
}
