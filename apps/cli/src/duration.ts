import { InvalidArgumentError } from "commander";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "30s", "90m", "2h" in ms. @throws InvalidArgumentError */
export function duration(text: string): number {
  const [, amount, unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNITS_MS[unit] ?? Number.NaN);
  if (Number.isFinite(ms)) return ms;
  throw new InvalidArgumentError("expected a duration with its unit, such as 30s, 15m, 2h or 1d");
}

export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("expected a whole number above 0");
}
