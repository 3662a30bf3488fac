/** What is read of a rollout, and how it is told. */
export interface Rollout {
  readonly id: string;
  readonly state: "preparing" | "running" | "paused" | "aborting" | "aborted" | "finished";
  readonly stopped: { readonly by: string; readonly actor: string | null; readonly reason: string | null } | null;
  readonly reason: string | null;
  readonly createdAt: string;
  readonly canaries: { readonly count: number; readonly passed: boolean };
  readonly counts: Readonly<Record<"total" | "waiting" | "running" | "done" | "failed" | "skipped", number>>;
}

export interface Member {
  readonly workspaceId: string;
  readonly status: string;
  readonly cycleId: string | null;
  readonly rule: string | null;
  readonly error: string | null;
}

const BAR = 20;

/** "[##########>.........] 12/24 running: 10 done, 2 under way, 1 failed, 1 skipped". */
export function summary({ state, stopped, counts, canaries }: Rollout): string {
  const { total, running, done, failed, skipped } = counts;
  const settled = done + failed + skipped;
  const full = total === 0 ? 0 : Math.floor((settled / total) * BAR);
  const head = running > 0 && full < BAR ? ">" : "";
  const bar = `[${"#".repeat(full)}${head}`.padEnd(BAR + 1, ".");
  const parts = [`${done} done`, running > 0 && `${running} under way`, failed > 0 && `${failed} failed`];
  parts.push(skipped > 0 && `${skipped} skipped`);
  const canary = canaries.count > 0 && !canaries.passed && state === "running" ? ", canaries first" : "";
  const why = stopped === null ? "" : ` by ${stopped.actor ?? stopped.by}`;
  return `${bar}] ${settled}/${total} ${state}${why}: ${parts.filter(Boolean).join(", ")}${canary}`;
}

/** Nothing more begins by itself. */
export function isOver({ state, counts }: Rollout): boolean {
  return state === "finished" || state === "aborted" || (state === "paused" && counts.running === 0);
}
