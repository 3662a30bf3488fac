/** The same timelines as a picture. It has but boxes, dots and words: smaller written out than asked of a chart library. */
import { type Scale, scaleOver, showMs, ticksOf } from "./scale.ts";
import type { Simulation } from "./simulate.ts";
import { type Subject, subjectsOf } from "./subjects.ts";

const WIDTH = 1_000;
const LEFT = 130;
const ROW = 22;
const HEAD = 34;
const FOOT = 34;
const MOST_SUBJECTS = 40;

const STYLE = `text{font:12px system-ui,sans-serif;fill:#333}.title{font-weight:600}.axis{fill:#777}
.grid{stroke:#e4e4e4}.write{fill:#4878a8}.dropped{fill:none;stroke:#4878a8}.cycle{fill:#d9822b}.cooldown{fill:#f3dcc0}
.uncovered{stroke:#c23030;stroke-width:2}`;

export function drawSvg(simulations: readonly Simulation[]): string {
  const subjects = subjectsOf(simulations);
  const parts: string[] = [];
  let y = 0;
  for (const subject of subjects.slice(0, MOST_SUBJECTS)) {
    parts.push(`<g transform="translate(0 ${y})">${drawSubject(subject)}</g>`);
    y += heightOf(subject);
  }
  const legend =
    "blue: triggers (hollow: dropped by the first policy) · orange: cycles, pale: cooldown · red ×: writes that no cycle covers";
  const more =
    subjects.length > MOST_SUBJECTS ? ` · ${subjects.length - MOST_SUBJECTS} more workspaces are not drawn` : "";
  parts.push(words(10, y + 20, legend + more, "axis"));
  const height = y + FOOT;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"><style>${STYLE}</style><rect width="100%" height="100%" fill="#fff"/>${parts.join("\n")}</svg>\n`;
}

function heightOf({ simulations }: Subject): number {
  return HEAD + (simulations.length + 1) * ROW + FOOT;
}

function drawSubject({ trace, workspace, simulations, endMs }: Subject): string {
  const scale = scaleOver(0, endMs, WIDTH - LEFT - 30);
  const bottom = HEAD + (simulations.length + 1) * ROW;
  const grid = ticksOf(scale, 9).map((tick) => {
    const x = px(tick, scale);
    return `<line class="grid" x1="${x}" y1="${HEAD}" x2="${x}" y2="${bottom}"/>${words(x, bottom + 16, showMs(tick), "axis")}`;
  });
  const rows = simulations.map((simulation, i) => drawCycles(simulation, HEAD + (i + 1) * ROW, scale));
  const triggers = drawTriggers(simulations[0] as Simulation, scale);
  return [
    words(10, 22, `${trace} · ${workspace}`, "title"),
    ...grid,
    words(10, HEAD + 15, "triggers"),
    triggers,
    ...rows,
  ].join("");
}

function drawTriggers({ replayed }: Simulation, scale: Scale): string {
  const dots = new Map<string, string>();
  for (const { atMs, decision } of replayed.verdicts) {
    const style = decision === "dropped" ? "dropped" : "write";
    // Dots on the same pixel are one.
    const x = Math.round(px(atMs, scale));
    dots.set(`${x} ${style}`, `<circle class="${style}" cx="${x}" cy="${HEAD + 11}" r="4"/>`);
  }
  return [...dots.values()].join("");
}

function drawCycles({ profile, replayed, cycleMs, cooldownMs }: Simulation, y: number, scale: Scale): string {
  const box = (style: string, start: number, lengthMs: number) => {
    const x = px(start, scale);
    const width = Math.max(2, px(Math.min(start + lengthMs, scale.toMs), scale) - x);
    return `<rect class="${style}" x="${x}" y="${y + 3}" width="${round(width)}" height="${ROW - 6}"/>`;
  };
  const crosses = [...new Set(replayed.uncovered.map((atMs) => Math.round(px(atMs, scale))))].map(
    (x) => `<path class="uncovered" d="M${x - 4} ${y + 7}l8 8m0 -8l-8 8"/>`,
  );
  return [
    words(10, y + 15, profile),
    ...replayed.cycles.map((start) => box("cooldown", start, cooldownMs)),
    ...replayed.cycles.map((start) => box("cycle", start, cycleMs)),
    ...crosses,
  ].join("");
}

function px(ms: number, scale: Scale): number {
  return round(LEFT + scale.at(ms));
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function words(x: number, y: number, text: string, style?: string): string {
  const escaped = text.replace(/[&<>"]/g, (letter) => ESCAPES[letter] ?? letter);
  return `<text x="${x}" y="${y}"${style === undefined ? "" : ` class="${style}"`}>${escaped}</text>`;
}
