/** One time axis: triggers by source, windows, cooldowns, cycles, holds, and right of now what is to come. */
import { scaleTime } from "d3-scale";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { now as clock, serverNow } from "../clock.ts";
import { clockOf, durationOf, utcOf } from "../times.tsx";
import type { Axis, CycleShown, Mark, Span } from "./model.ts";

/** What is in view, ms. It moves along with now until somebody moves it. */
interface View {
  readonly from: number;
  readonly to: number;
  readonly follows: boolean;
}

const LEAST_MS = 5_000;
const MOST_MS = 14 * 86_400_000;

interface Pointed {
  readonly title: string;
  readonly detail: string;
  readonly when: string;
  readonly utc: string;
  readonly at: number;
}

export function Timeline({ axis, onCycle }: { axis: Axis; onCycle: (id: string) => void }) {
  const now = clock.value;
  const [view, setView] = useState<View>(() => fitted(axis, serverNow()));
  const [pointed, setPointed] = useState<Pointed>();
  const plot = useRef<HTMLDivElement>(null);
  const width = useWidth(plot);
  // It follows until somebody moves it: then it stays where it was put.
  const shown = view.follows ? followed(view, axis, now) : view;
  const scale = useMemo(() => scaleTime().domain([shown.from, shown.to]), [shown.from, shown.to]);
  const at = (time: number): number => Math.min(110, Math.max(-10, scale(time) * 100));
  const place = (from: number, to: number) => ({ left: `${at(from)}%`, width: `${Math.max(0, at(to) - at(from))}%` });
  const isIn = (from: number, to = from): boolean => to >= shown.from && from <= shown.to;

  const zoom = (factor: number, around = 0.6): void => {
    const length = Math.min(MOST_MS, Math.max(LEAST_MS, (shown.to - shown.from) * factor));
    const fixed = shown.from + (shown.to - shown.from) * around;
    setView({ from: fixed - length * around, to: fixed + length * (1 - around), follows: false });
  };
  const pan = (share: number): void => {
    const by = (shown.to - shown.from) * share;
    setView({ from: shown.from + by, to: shown.to + by, follows: false });
  };
  const follow = (): void => setView(fitted(axis, serverNow()));
  const fitAll = (): void => {
    const first = Math.min(
      ...axis.cycles.map(({ from }) => from),
      ...axis.lanes.flatMap(({ marks }) => marks.map((mark) => mark.at)),
      serverNow() - 60_000,
    );
    const span = serverNow() - first;
    setView({ from: first - span * 0.03, to: serverNow() + span * 0.12, follows: false });
  };

  useGestures(plot, { zoom, pan, follow });
  const point = (what: Mark | Span | CycleShown | undefined): void =>
    setPointed(what === undefined ? undefined : pointedAt(what));
  const hint = {
    onPointerLeave: () => point(undefined),
    onFocusOut: () => point(undefined),
  };
  const on = (what: Mark | Span | CycleShown) => ({ onPointerEnter: () => point(what), onFocus: () => point(what) });
  const ticks = scale.ticks(Math.max(2, Math.floor(width / 110)));
  const tickFormat = tickWords(shown.to - shown.from);

  return (
    <section class="timeline" aria-label="Time axis">
      <div class="timeline-tools">
        <Legend />
        <fieldset class="buttons" aria-label="What the time axis shows">
          <button type="button" class="icon" aria-label="Earlier" onClick={() => pan(-0.4)}>
            ←
          </button>
          <button type="button" class="icon" aria-label="Later" onClick={() => pan(0.4)}>
            →
          </button>
          <button type="button" class="icon" aria-label="Closer" onClick={() => zoom(0.5)}>
            +
          </button>
          <button type="button" class="icon" aria-label="Farther" onClick={() => zoom(2)}>
            −
          </button>
          <button type="button" onClick={fitAll}>
            All
          </button>
          <button type="button" onClick={follow} aria-pressed={view.follows}>
            Now
          </button>
        </fieldset>
      </div>
      <div class="lanes" {...hint}>
        <div class="plot" ref={plot}>
          <div class="grid" aria-hidden="true">
            {ticks.map((tick) => (
              <i key={tick.getTime()} class="tick" style={{ left: `${at(tick.getTime())}%` }} />
            ))}
            {isIn(now) && <i class="past" style={{ width: `${at(now)}%` }} />}
            {isIn(now) && <i class="now" style={{ left: `${at(now)}%` }} />}
          </div>
          <div class="lane cycles">
            <span class="lane-name">restarts</span>
            {axis.cooldowns
              .filter(({ from, to }) => isIn(from, to))
              .map((span) => (
                <span key={span.key} class="span cooldown" style={place(span.from, span.to)} {...on(span)} />
              ))}
            {axis.cycles
              .filter(({ from, to }) => isIn(from, to ?? now))
              .map((cycle) => (
                <button
                  key={cycle.id}
                  type="button"
                  data-mark
                  tabIndex={-1}
                  class={`cycle ${cycle.outcome}`}
                  style={place(cycle.from, cycle.to ?? now)}
                  aria-label={labelOf(pointedAt(cycle))}
                  onClick={() => onCycle(cycle.id)}
                  {...on(cycle)}
                >
                  <Steps cycle={cycle} now={now} />
                </button>
              ))}
            {axis.next !== undefined && isIn(axis.next.from, axis.next.to) && (
              <span
                class="span next"
                role="img"
                data-mark
                tabIndex={-1}
                aria-label={labelOf(pointedAt(axis.next))}
                style={place(axis.next.from, axis.next.to)}
                {...on(axis.next)}
              />
            )}
          </div>
          {axis.holds.length > 0 && (
            <div class="lane holds">
              <span class="lane-name">held, paused, quiet</span>
              {axis.holds
                .filter(({ from, to }) => isIn(from, to))
                .map((span) => (
                  <span
                    key={span.key}
                    class={`span ${span.kind}`}
                    role="img"
                    data-mark
                    tabIndex={-1}
                    aria-label={labelOf(pointedAt(span))}
                    style={place(span.from, Math.min(span.to, shown.to + 1))}
                    {...on(span)}
                  >
                    {span.title}
                  </span>
                ))}
            </div>
          )}
          {axis.lanes.map(({ name, marks, spans }) => (
            <div class="lane" key={name}>
              <span class="lane-name">{name}</span>
              {spans
                .filter(({ from, to }) => isIn(from, to))
                .map((span) => (
                  <span key={span.key} class={`span ${span.kind}`} style={place(span.from, span.to)} {...on(span)} />
                ))}
              {marks
                .filter((mark) => isIn(mark.at))
                .map((mark) => (
                  <span
                    key={mark.key}
                    role="img"
                    data-mark
                    tabIndex={-1}
                    class={`mark ${mark.kind}`}
                    aria-label={labelOf(pointedAt(mark))}
                    style={{ left: `${at(mark.at)}%` }}
                    {...on(mark)}
                  />
                ))}
            </div>
          ))}
          <div class="axis" aria-hidden="true">
            {ticks.map((tick) => (
              <span key={tick.getTime()} style={{ left: `${at(tick.getTime())}%` }} title={utcOf(tick.getTime())}>
                {tickFormat(tick)}
              </span>
            ))}
          </div>
          {pointed !== undefined && (
            <div
              class={`tip ${at(pointed.at) > 60 ? "left" : ""}`}
              style={{ left: `${Math.min(100, Math.max(0, at(pointed.at)))}%` }}
              aria-hidden="true"
            >
              <b>{pointed.title}</b>
              <span>{pointed.when}</span>
              <small>{pointed.utc}</small>
              {pointed.detail !== "" && <p>{pointed.detail}</p>}
            </div>
          )}
        </div>
        <FirstStop />
      </div>
    </section>
  );
}

interface Moves {
  readonly zoom: (factor: number, around?: number) => void;
  readonly pan: (share: number) => void;
  readonly follow: () => void;
}

/** The marks are one stop of the Tab key; the arrow keys go from one to the next. */
function FirstStop() {
  const enter = (event: Event): void => {
    const lanes = (event.currentTarget as HTMLElement).closest(".lanes");
    const marks = [...(lanes?.querySelectorAll<HTMLElement>("[data-mark]") ?? [])];
    marks
      .sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left)
      .at(-1)
      ?.focus();
  };
  return (
    <button type="button" class="first-stop" onClick={enter}>
      Go through the marks with the arrow keys
    </button>
  );
}

function moveAmongMarks(lanes: HTMLElement, event: KeyboardEvent, { zoom, pan, follow }: Moves): void {
  const moves: Record<string, () => void> = {
    "+": () => zoom(0.5),
    "-": () => zoom(2),
    "[": () => pan(-0.3),
    "]": () => pan(0.3),
    n: follow,
    ArrowRight: () => step(1),
    ArrowLeft: () => step(-1),
    Home: () => step(Number.NEGATIVE_INFINITY),
    End: () => step(Number.POSITIVE_INFINITY),
  };
  const step = (by: number): void => {
    const marks = [...lanes.querySelectorAll<HTMLElement>("[data-mark]")];
    marks.sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left);
    const index = marks.indexOf(document.activeElement as HTMLElement);
    const from = index === -1 ? (by > 0 ? -1 : marks.length) : index;
    marks[Math.min(marks.length - 1, Math.max(0, from + by))]?.focus();
  };
  const move = moves[event.key];
  if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  move();
}

/** Each step as a part of its cycle. */
function Steps({ cycle, now }: { cycle: CycleShown; now: number }) {
  const length = (cycle.to ?? now) - cycle.from;
  if (length <= 0 || cycle.steps.length < 2) return null;
  return (
    <>
      {cycle.steps.slice(1).map(({ name, startedAt }) => {
        const share = ((Date.parse(startedAt) - cycle.from) / length) * 100;
        return share > 0 && share < 100 ? <i key={`${name} ${startedAt}`} style={{ left: `${share}%` }} /> : null;
      })}
    </>
  );
}

function Legend() {
  const kinds = [
    ["fired", "fired"],
    ["coalesced", "coalesced"],
    ["dropped", "dropped"],
    ["refused", "refused"],
    ["mid-write", "during a restart"],
  ] as const;
  return (
    <ul class="legend" aria-label="Kinds of triggers">
      {kinds.map(([kind, text]) => (
        <li key={kind}>
          <span class={`mark ${kind}`} aria-hidden="true" />
          {text}
        </li>
      ))}
    </ul>
  );
}

function pointedAt(what: Mark | Span | CycleShown): Pointed {
  if ("at" in what)
    return {
      title: what.title,
      detail: what.detail,
      when: `${what.kind} at ${clockOf(what.at)}`,
      utc: utcOf(what.at),
      at: what.at,
    };
  if ("outcome" in what) {
    const { id, from, to, outcome, covers } = what;
    const took = to === undefined ? "under way" : `${outcome} after ${durationOf(to - from)}`;
    const count = covers.reduce((sum, covered) => sum + covered.count, 0);
    return {
      title: `Restart ${id}`,
      detail: `covers ${count} triggers`,
      when: `${clockOf(from)}, ${took}`,
      utc: utcOf(from),
      at: from,
    };
  }
  const { title, detail, from, to } = what;
  const until = Number.isFinite(to) ? `${clockOf(from)} to ${clockOf(to)}` : `since ${clockOf(from)}`;
  return { title, detail, when: until, utc: utcOf(from), at: from };
}

function labelOf({ title, when, detail }: Pointed): string {
  return [title, when, detail].filter(Boolean).join(", ");
}

/** The last restart and what is to come. */
function fitted(axis: Axis, now: number): View {
  const recent = axis.cycles.filter(({ to, from }) => (to ?? now) > now - 600_000 || from > now - 600_000);
  const marks = axis.lanes.flatMap(({ marks: all }) => all.map(({ at }) => at)).filter((at) => at > now - 600_000);
  const first = Math.min(...recent.slice(0, 4).map(({ from }) => from), ...marks, now - 60_000);
  const length = Math.max(90_000, now - first);
  const last = Math.max(now + length * 0.25, (axis.next?.to ?? now) + length * 0.05);
  return { from: first - length * 0.08, to: last, follows: true };
}

function followed(view: View, axis: Axis, now: number): View {
  const length = view.to - view.from;
  const last = Math.max(now + length * 0.2, Math.min((axis.next?.to ?? now) + length * 0.03, now + length * 0.6));
  return last <= view.to && now > view.from ? view : { from: last - length, to: last, follows: true };
}

function tickWords(lengthMs: number): (at: Date) => string {
  const part = (options: Intl.DateTimeFormatOptions) => {
    const format = new Intl.DateTimeFormat(undefined, { hour12: false, ...options });
    return (at: Date) => format.format(at);
  };
  if (lengthMs < 600_000) return part({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  if (lengthMs < 36 * 3_600_000) return part({ hour: "2-digit", minute: "2-digit" });
  return part({ month: "short", day: "numeric", hour: "2-digit" });
}

function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    if (element.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 800));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** The wheel with Ctrl or Shift, and dragging: the page itself scrolls as ever. */
function useGestures(element: { current: HTMLElement | null }, moves: Moves): void {
  const latest = useRef(moves);
  latest.current = moves;
  useEffect(() => {
    const plot = element.current;
    if (plot === null) return undefined;
    let draggedFrom: number | undefined;
    const wheel = (event: WheelEvent): void => {
      const { left, width } = plot.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        latest.current.zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - left) / width);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        latest.current.pan((event.deltaX || event.deltaY) / width);
      }
    };
    const down = (event: PointerEvent): void => {
      const isOnMark = event.target instanceof Element && event.target.closest("button") !== null;
      if (event.button === 0 && !isOnMark && event.pointerType !== "touch") draggedFrom = event.clientX;
    };
    const move = (event: PointerEvent): void => {
      if (draggedFrom === undefined) return;
      latest.current.pan((draggedFrom - event.clientX) / plot.getBoundingClientRect().width);
      draggedFrom = event.clientX;
    };
    const up = (): void => {
      draggedFrom = undefined;
    };
    const lanes = plot.parentElement as HTMLElement;
    const key = (event: KeyboardEvent): void => moveAmongMarks(lanes, event, latest.current);
    lanes.addEventListener("keydown", key);
    plot.addEventListener("wheel", wheel, { passive: false });
    plot.addEventListener("pointerdown", down);
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    return () => {
      lanes.removeEventListener("keydown", key);
      plot.removeEventListener("wheel", wheel);
      plot.removeEventListener("pointerdown", down);
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
    };
  }, []);
}
