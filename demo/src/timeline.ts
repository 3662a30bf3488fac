/** Writes and cycles drawn over time, one row each per workspace. */
import type { Facts, WriteFact } from "./facts.ts";

const COLUMNS = 60;
const LABEL_WIDTH = 10;
const MARKS = 4;

export function timeline({ writes, cycles }: Facts, seconds: (at: number) => number): string[] {
  const times = [
    ...writes.map(({ sentAt }) => sentAt),
    ...cycles.flatMap(({ startedAt, endedAt }) => [startedAt, endedAt ?? startedAt]),
  ];
  const end = Math.max(...times.map(seconds), 1);
  const column = (at: number): number => Math.min(COLUMNS - 1, Math.max(0, Math.floor((seconds(at) / end) * COLUMNS)));
  const row = (label: string, cells: readonly string[]) => `${label.padEnd(LABEL_WIDTH)}${cells.join("").trimEnd()}`;
  const workspaces = [...new Set(writes.map(({ workspace }) => workspace))];
  const lines = workspaces.flatMap((workspace) => {
    const cells = Array<string>(COLUMNS).fill(" ");
    for (const write of writes) if (write.workspace === workspace) cells[column(write.sentAt)] = markOf(write);
    const bars = Array<string>(COLUMNS).fill(" ");
    for (const { workspace: of, startedAt, endedAt } of cycles) {
      if (of !== workspace) continue;
      const [from, to] = [column(startedAt), endedAt === undefined ? COLUMNS - 1 : column(endedAt)];
      bars.fill("═", from, to + 1);
      bars[from] = "╞";
      bars[to] = "╡";
    }
    const title = workspaces.length > 1 ? [workspace] : [];
    return [...title, row("writes", cells), row("cycles", bars)];
  });
  const axis = Array.from({ length: MARKS }, (_, i) => {
    const text = `${Math.round((end * i) / MARKS)} s`;
    return text.padEnd(COLUMNS / MARKS);
  });
  const legend = "F fired  • coalesced  x dropped  · probe dropped  ! failed  ╞═╡ cycle";
  return [...lines, row("", [...axis, `${Math.round(end)} s`]), row("", [legend])];
}

/** Several in one column: the last one shows. */
function markOf({ isProbe, receipt }: WriteFact): string {
  if (receipt === undefined) return "!";
  if (receipt.decision === "dropped" || receipt.decision === "refused") return isProbe ? "·" : "x";
  return receipt.decision === "fired" ? "F" : "•";
}
