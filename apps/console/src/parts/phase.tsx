import type { Phase } from "../types.ts";

/** Where a restart stands, as a word with its colour. */
export function PhaseMark({ phase }: { phase: Phase }) {
  return (
    <span class={`phase ${phase}`}>
      <span class="dot" aria-hidden="true" />
      {phase}
    </span>
  );
}
