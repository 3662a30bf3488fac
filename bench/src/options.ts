import { parseArgs } from "node:util";
import type { Row } from "./row.ts";
import { ROWS } from "./rows/index.ts";

export const USAGE = `pnpm bench [--rows a,b] [--rounds N] [--short] [--json]

  --rows a,b    only these (default: all): ${ROWS.map(({ id }) => id).join(", ")}
  --rounds N    how often each contender is measured (default 5)
  --short       just enough of each to see that it works; the figures mean nothing
  --json        prints the result as JSON, and nothing else

Exit code 0: every limit holds. 1: one does not. 2: it could not be measured.`;

export interface Options {
  readonly rows: readonly Row[];
  readonly rounds: number;
  readonly isShort: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws Error that says what was expected */
export function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    // npm and pnpm may pass their own separator on.
    args: args.filter((arg) => arg !== "--"),
    options: {
      rows: { type: "string" },
      rounds: { type: "string" },
      short: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.short ? 1 : 5));
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) {
    throw new Error(`--rounds: expected 1 to 100, got ${values.rounds}`);
  }
  const rows = values.rows?.split(",").map((id) => {
    const row = ROWS.find((each) => each.id === id);
    if (row === undefined)
      throw new Error(`--rows: expected some of ${ROWS.map((each) => each.id).join(", ")}, got ${id}`);
    return row;
  });
  return { rows: rows ?? ROWS, rounds, isShort: values.short, json: values.json, help: values.help };
}
