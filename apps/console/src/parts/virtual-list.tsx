import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useRef } from "preact/hooks";

interface Props<Item> {
  readonly items: readonly Item[];
  readonly keyOf: (item: Item) => string;
  readonly rowHeight: number;
  readonly label: string;
  readonly header: ComponentChildren;
  readonly row: (item: Item) => ComponentChildren;
  /** The keys of those in view, whenever they change. */
  readonly onView: (keys: readonly string[]) => void;
}

const HEAD_HEIGHT = 34;

/** A table of which only the rows in view exist. The arrow keys go from row to row, across what does not exist yet. */
export function VirtualTable<Item>({ items, keyOf, rowHeight, label, header, row, onView }: Props<Item>) {
  const frame = useRef<HTMLDivElement>(null);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const virtual = useRef<Virtualizer<HTMLDivElement, Element> | undefined>(undefined);
  const options = {
    count: items.length,
    getScrollElement: () => frame.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    // The head stays in view on top of the rows.
    scrollPaddingStart: HEAD_HEIGHT,
    onChange: () => draw(undefined),
    initialRect: { width: 800, height: 600 },
  };
  virtual.current ??= new Virtualizer<HTMLDivElement, Element>(options);
  virtual.current.setOptions(options);
  useEffect(() => virtual.current?._didMount(), []);
  useEffect(() => {
    virtual.current?._willUpdate();
  });
  useEffect(() => virtual.current?.measure(), [rowHeight]);
  const move = (event: KeyboardEvent): void => {
    const by: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -items.length,
      End: items.length,
    };
    const step = by[event.key];
    const at = (event.target as HTMLElement).closest<HTMLElement>("[data-index]")?.dataset.index;
    if (step === undefined || at === undefined) return;
    event.preventDefault();
    const next = Math.min(items.length - 1, Math.max(0, Number(at) + step));
    virtual.current?.scrollToIndex(next, { align: "auto" });
    const focus = (tries: number): void => {
      const link = frame.current?.querySelector<HTMLElement>(`[data-index="${next}"] a`);
      if (link) link.focus({ preventScroll: true });
      else if (tries > 0) requestAnimationFrame(() => focus(tries - 1));
    };
    requestAnimationFrame(() => focus(10));
  };
  useEffect(() => {
    const element = frame.current;
    element?.addEventListener("keydown", move);
    return () => element?.removeEventListener("keydown", move);
  });

  const rows = virtual.current.getVirtualItems().filter(({ index }) => index < items.length);
  const inView = rows.map(({ index }) => keyOf(items[index] as Item));
  const viewed = inView.join(" ");
  useEffect(() => onView(inView), [viewed]);

  return (
    <div class="frame" ref={frame}>
      <table aria-label={label} aria-rowcount={items.length + 1}>
        <thead>
          <tr class="row head" aria-rowindex={1}>
            {header}
          </tr>
        </thead>
        <tbody style={{ height: `${virtual.current.getTotalSize()}px` }}>
          {rows.map(({ index, start }) => {
            const item = items[index] as Item;
            return (
              <tr
                key={keyOf(item)}
                class="row"
                aria-rowindex={index + 2}
                data-index={index}
                style={{ transform: `translateY(${start}px)`, height: `${rowHeight}px` }}
              >
                {row(item)}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
