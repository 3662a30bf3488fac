import { liveness } from "../live.ts";
import { Moment } from "../times.tsx";

/** Whether what is shown is what is so, or was so. */
export function LiveMark() {
  const state = liveness.value;
  return (
    <p class={`live ${state.kind}`} role="status">
      <span class="dot" aria-hidden="true" />
      {state.kind === "live" && "Live"}
      {state.kind === "connecting" && "Connecting"}
      {state.kind === "broken" && (
        <>
          As of <Moment at={state.since} />
          <span class="wide">, connecting again</span>
        </>
      )}
    </p>
  );
}
