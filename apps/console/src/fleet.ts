/** How the fleet stands, asked every few seconds while somebody looks: it also brings the server's time. */
import { signal } from "@preact/signals";
import { get } from "./api.ts";
import { learnTime } from "./clock.ts";
import type { Fleet } from "./types.ts";

export const fleet = signal<Fleet | undefined>(undefined);

const EVERY_MS = 10_000;

export async function lookAtFleet(): Promise<void> {
  const askedAt = Date.now();
  const answer = await get<Fleet>("/fleet");
  learnTime(answer.now, askedAt, Date.now());
  fleet.value = answer;
}

/** Until the returned function is called. */
export function watchFleet(): () => void {
  const look = () => void (document.hidden || lookAtFleet().catch(() => {}));
  look();
  const timer = setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", look);
  };
}
