/** How things are written for people. */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR;

export function paint(style: Style, text: string): string {
  return isColoured ? styleText(style, text) : text;
}

export function print(line = ""): void {
  process.stdout.write(`${line}\n`);
}

/** "1 write", "2 writes". */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

/** Cut or padded to a width. */
export function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}
