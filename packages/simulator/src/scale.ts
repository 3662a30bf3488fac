/** From times to columns or pixels, and marks at round times. */
export interface Scale {
  readonly fromMs: number;
  readonly toMs: number;
  readonly size: number;
  /** 0 … size. */
  at(ms: number): number;
}

export function scaleOver(fromMs: number, toMs: number, size: number): Scale {
  const span = Math.max(1, toMs - fromMs);
  return { fromMs, toMs, size, at: (ms) => ((ms - fromMs) / span) * size };
}

const STEPS_S = [
  0.001, 0.01, 0.1, 1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
];

/** About `most` round times in the scale's span, ms. */
export function ticksOf({ fromMs, toMs }: Scale, most: number): number[] {
  const span = toMs - fromMs;
  const day = 86_400_000;
  const stepMs =
    STEPS_S.map((s) => s * 1_000).find((step) => span / step <= most) ?? Math.ceil(span / most / day) * day;
  const ticks: number[] = [];
  for (let tick = Math.ceil(fromMs / stepMs) * stepMs; tick <= toMs; tick += stepMs) ticks.push(tick);
  return ticks;
}

/** `90.5 s`, `12 min`, `3.5 h`. */
export function showMs(ms: number): string {
  const [unit, length] = ms < 600_000 ? ["s", 1_000] : ms < 7_200_000 ? ["min", 60_000] : ["h", 3_600_000];
  return `${Number((ms / (length as number)).toFixed(2))} ${unit}`;
}
