import type { RolloutCounts } from "../types.ts";

const PARTS = ["done", "running", "failed", "skipped", "waiting"] as const;

/** How far a rollout is, as a bar and in numbers. */
export function Progress({ counts }: { counts: RolloutCounts }) {
  return (
    <div class="progress">
      <div class="progress-bar" aria-hidden="true">
        {PARTS.map((part) => counts[part] > 0 && <i key={part} class={part} style={{ flexGrow: counts[part] }} />)}
      </div>
      <ul>
        {PARTS.filter((part) => counts[part] > 0 || part === "done").map((part) => (
          <li key={part} class={part}>
            <b>{counts[part].toLocaleString("en")}</b> {part}
          </li>
        ))}
        <li>of {counts.total.toLocaleString("en")}</li>
      </ul>
    </div>
  );
}
