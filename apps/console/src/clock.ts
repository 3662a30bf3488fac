/** The time by the server's clock, whatever the viewer's says. */
import { computed, signal } from "@preact/signals";

/** Server minus viewer, ms; from the quickest answers, which are the surest. */
const offset = signal(0);
let surestMs = Number.POSITIVE_INFINITY;

const tick = signal(Date.now());
setInterval(() => {
  if (!document.hidden) tick.value = Date.now();
}, 250);
document.addEventListener("visibilitychange", () => {
  tick.value = Date.now();
});

/** Ticks four times a second while somebody looks. */
export const now = computed(() => tick.value + offset.value);
/** Ticks once a second. */
export const nowSeconds = computed(() => Math.floor(now.value / 1_000) * 1_000);

export function serverNow(): number {
  return Date.now() + offset.peek();
}

/** `serverTime` came with an answer that was asked for and given at these times of the viewer's clock. */
export function learnTime(serverTime: string, askedAt: number, answeredAt: number): void {
  const tookMs = answeredAt - askedAt;
  // A clock that was set meanwhile shows as a difference that no answer's way explains.
  const differs = Math.abs(Date.parse(serverTime) - (askedAt + answeredAt) / 2 - offset.peek()) > tookMs + 1_000;
  if (tookMs > surestMs * 2 && !differs) return;
  surestMs = Math.min(surestMs, tookMs);
  offset.value = Date.parse(serverTime) - (askedAt + answeredAt) / 2;
}
