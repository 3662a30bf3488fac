import * as echarts from "echarts";
import { type GrowthPoint, SHARDS } from "./measure.ts";

const PANELS = [
  { title: "triggers/s, 64 in flight", of: (point: GrowthPoint) => point.triggersPerSecond, axis: "value" },
  { title: "trigger(), p99, ms", of: (point: GrowthPoint) => point.p99Ms, axis: "value" },
  { title: "Redis memory, MiB", of: (point: GrowthPoint) => point.redisMiB, axis: "log" },
] as const;

/** One picture, three panels, a line for each number of shards; as SVG, without a browser. */
export function plotGrowth(points: readonly GrowthPoint[], subtitle: string): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 1_080, height: 380 });
  const left = (i: number) => `${5 + i * 33}%`;
  const workspaces = [...new Set(points.map((point) => point.workspaces))];
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: [
      { text: "Growth with the number of workspaces", subtext: subtitle, left: "center" },
      ...PANELS.map(({ title }, i) => ({ text: title, left: left(i), top: 66, textStyle: { fontSize: 12 } })),
    ],
    legend: { bottom: 0, data: SHARDS.map(nameOf) },
    grid: PANELS.map((_, i) => ({ left: left(i), width: "27%", top: 100, bottom: 70 })),
    xAxis: PANELS.map((_, gridIndex) => ({
      gridIndex,
      type: "category",
      data: workspaces.map((count) => count.toLocaleString("en")),
      name: "workspaces",
      nameLocation: "middle",
      nameGap: 26,
    })),
    yAxis: PANELS.map(({ axis }, gridIndex) => ({ gridIndex, type: axis, min: axis === "log" ? 0.01 : 0 })),
    series: PANELS.flatMap(({ of }, i) =>
      SHARDS.map((shards, at) => ({
        name: nameOf(shards),
        type: "line",
        xAxisIndex: i,
        yAxisIndex: i,
        itemStyle: { color: ["#1f77b4", "#ff7f0e", "#2ca02c"][at] },
        data: points.filter((point) => point.shards === shards).map((point) => Number(of(point).toPrecision(4))),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function nameOf(shards: number): string {
  return shards === 1 ? "1 shard" : `${shards} shards`;
}
