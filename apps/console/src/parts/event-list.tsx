import { useState } from "preact/hooks";
import { nowSeconds } from "../clock.ts";
import { Moment } from "../times.tsx";
import type { RestartEvent } from "../types.ts";
import { eventWords } from "../words.ts";

const FIRST_SHOWN = 25;

/** What happened, newest first, a line each. */
export function EventList({ events }: { events: readonly RestartEvent[] }) {
  const [isWhole, setWhole] = useState(false);
  if (events.length === 0) return <p class="note">Nothing yet.</p>;
  const shown = isWhole ? events : events.slice(0, FIRST_SHOWN);
  return (
    <>
      <ol class="events" reversed>
        {shown.map((event) => (
          <li key={event.id}>
            <Moment at={event.timestamp} now={nowSeconds.value} />
            <span>{eventWords(event)}</span>
          </li>
        ))}
      </ol>
      {events.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          All {events.length}
        </button>
      )}
    </>
  );
}
