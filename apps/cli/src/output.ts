/** Text for people: columns, values in a line, and colours where a person looks. */
import { styleText } from "node:util";

/** Columns as wide as their widest cell; the last one is as long as it is. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map(oneLine));
  const widths = header.map((_, column) => Math.max(...cells.map((row) => [...(row[column] ?? "")].length)));
  return cells
    .map((row) => row.map((cell, column) => padded(cell, column === header.length - 1 ? 0 : (widths[column] ?? 0))))
    .map((row) => row.join("  ").trimEnd())
    .join("\n");
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** On stderr, where nothing that is read by programs goes. */
export function sayAway(): void {
  process.stderr.write("the server is away; going on once it is back\n");
}

/** What others wrote moves no cursor and starts no line. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

function padded(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - [...cell].length));
}

type Colour = "green" | "yellow" | "red" | "dim";

/** Colours a text for a terminal. `NO_COLOR` forbids it, `FORCE_COLOR` asks for it anywhere. */
export function coloured(colour: Colour | undefined, text: string): string {
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const isWanted = FORCE_COLOR ? FORCE_COLOR !== "0" : process.stdout.isTTY === true && !NO_COLOR;
  return isWanted && colour !== undefined ? styleText(colour, text) : text;
}
