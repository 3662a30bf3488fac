import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { History } from "../types.ts";

const HEIGHT = 132;

/** Restarts and suppressed triggers over the last hours, as bars. */
export function HistoryChart({ history }: { history: History }) {
  const frame = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const data = dataOf(history);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = frame.current;
    if (element === null) return undefined;
    const draw = (): void => {
      chart.current?.destroy();
      chart.current = new uPlot(optionsFor(element), latest.current, element);
    };
    draw();
    const observer = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    addEventListener("themechange", draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      removeEventListener("themechange", draw);
      chart.current?.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data), [history]);

  const sum = (of: (bucket: History["buckets"][number]) => number) =>
    history.buckets.reduce((total, bucket) => total + of(bucket), 0);
  const [restarts, suppressed, failures] = [sum((b) => b.restarts), sum((b) => b.suppressed), sum((b) => b.failures)];
  return (
    <figure class="history">
      <figcaption>
        <span class="key restarts">{restarts.toLocaleString("en")} restarts</span>
        <span class="key suppressed">{suppressed.toLocaleString("en")} suppressed</span>
        {failures > 0 && <span class="key failures">{failures.toLocaleString("en")} failed</span>}
        <span class="note">six hours, by five minutes</span>
      </figcaption>
      <div
        ref={frame}
        role="img"
        aria-label={`The last six hours: ${restarts} restarts, ${suppressed} suppressed triggers, ${failures} failed attempts`}
      />
    </figure>
  );
}

function dataOf({ buckets, bucketMs }: History): uPlot.AlignedData {
  const middle = bucketMs / 2_000;
  return [
    buckets.map(({ at }) => Date.parse(at) / 1_000 + middle),
    buckets.map(({ suppressed, restarts }) => suppressed + restarts),
    buckets.map(({ restarts }) => restarts),
    buckets.map(({ failures }) => (failures === 0 ? null : failures)),
  ];
}

function optionsFor(element: HTMLElement): uPlot.Options {
  const styles = getComputedStyle(element);
  const colour = (name: string): string => styles.getPropertyValue(name).trim();
  // A canvas takes no light-dark(): the colour is read off an element that has it.
  const seen = (name: string): string => {
    element.style.color = `var(${name})`;
    const found = getComputedStyle(element).color;
    element.style.color = "";
    return found || colour(name);
  };
  const bars = uPlot.paths.bars?.({ size: [0.8, 24], radius: 0.2 });
  const axis = {
    stroke: seen("--soft"),
    grid: { stroke: seen("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui",
  };
  const series = (label: string, name: string): uPlot.Series => ({
    label,
    fill: seen(name),
    width: 0,
    points: { show: false },
    ...(bars && { paths: bars }),
  });
  return {
    width: element.clientWidth || 400,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 4, 0, 0],
    scales: { y: { range: (_, __, most) => [0, Math.max(4, most * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 24, space: 70, values: "{HH}:{mm}" as never },
      { ...axis, size: 38, space: 34 },
    ],
    series: [
      {},
      series("Suppressed", "--suppressed"),
      series("Restarts", "--accent"),
      {
        label: "Failed",
        stroke: seen("--bad"),
        width: 0,
        points: { show: true, size: 6, fill: seen("--bad") },
        paths: () => null,
      },
    ],
  };
}
