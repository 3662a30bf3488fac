/** Follows the server's events, survives that the stream breaks, and says as of when what is shown is true. */
import { signal } from "@preact/signals";
import { serverNow } from "./clock.ts";
import type { RestartEvent } from "./types.ts";

export type Liveness =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Nothing came since then, by the server's clock. */
  | { readonly kind: "broken"; readonly since: number };

/** Of the page that is shown. */
export const liveness = signal<Liveness>({ kind: "connecting" });

export interface Follower {
  readonly path: string;
  readonly events: readonly string[];
  readonly onEvent: (event: RestartEvent) => void;
  /** What is shown may lack something: it is to be asked for anew. */
  readonly onGap: () => void;
}

const COME_BACK_AFTER_MS = 1_500;
/** The server says something every 15 s: a stream that says nothing for this long is dead, whatever the browser thinks. */
const SILENT_AFTER_MS = 40_000;

/** Until the returned function is called. */
export function follow({ path, events, onEvent, onGap }: Follower): () => void {
  let source: EventSource | undefined;
  let last: string | undefined;
  let heardAt = serverNow();
  let isOver = false;
  let comeBack: ReturnType<typeof setTimeout> | undefined;
  liveness.value = { kind: "connecting" };

  const hear = (message: MessageEvent<string>): void => {
    heardAt = serverNow();
    last = message.lastEventId || last;
    const wasBroken = liveness.peek().kind === "broken";
    if (liveness.peek().kind !== "live") liveness.value = { kind: "live" };
    // The stream goes on where it stopped; what has no event of its own is asked for.
    if (wasBroken) onGap();
  };
  const broke = (): void => {
    if (liveness.peek().kind !== "broken") liveness.value = { kind: "broken", since: heardAt };
  };
  const open = (): void => {
    source?.close();
    source = new EventSource(last === undefined ? path : `${path}?after=${encodeURIComponent(last)}`);
    source.addEventListener("position", hear);
    source.addEventListener("gap", (message) => {
      hear(message);
      onGap();
    });
    for (const name of events) {
      source.addEventListener(name, (message: MessageEvent<string>) => {
        hear(message);
        onEvent(JSON.parse(message.data) as RestartEvent);
      });
    }
    source.onerror = () => {
      broke();
      // The browser comes back by itself, unless it was answered with something else than a stream.
      if (source?.readyState !== EventSource.CLOSED || isOver) return;
      clearTimeout(comeBack);
      comeBack = setTimeout(open, COME_BACK_AFTER_MS);
    };
  };
  open();
  const watchdog = setInterval(() => {
    if (serverNow() - heardAt < SILENT_AFTER_MS) return;
    broke();
    open();
  }, SILENT_AFTER_MS / 4);

  return () => {
    isOver = true;
    clearInterval(watchdog);
    clearTimeout(comeBack);
    source?.close();
  };
}
