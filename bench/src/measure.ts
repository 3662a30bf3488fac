/** Runs the contenders of a row in turn, round after round, so that what disturbs the machine disturbs all of them. */
import type { Contender, Limit, Measures, Row } from "./row.ts";
import { type Spread, spreadOf } from "./statistics.ts";

export interface Judged extends Limit {
  readonly of: string;
  /** Of the ratio, or of the value where the limit names nothing it stands against. */
  readonly seen: Spread;
  /** Undefined where there is no limit. */
  readonly holds: boolean | undefined;
}

export interface RowResult {
  readonly id: string;
  readonly title: string;
  readonly rounds: number;
  readonly judged: readonly Judged[];
  /** Every measure of every contender. */
  readonly measured: readonly { readonly name: string; readonly measures: Readonly<Record<string, Spread>> }[];
}

export interface MeasureOptions {
  readonly rounds: number;
  readonly isShort: boolean;
  readonly onRound?: (title: string, round: number) => void;
}

export async function measureRow(row: Row, options: MeasureOptions): Promise<RowResult> {
  const open = await row.open(options.isShort);
  try {
    const rounds = row.oneRound ? 1 : options.rounds;
    const seen = new Map<string, Measures[]>(open.contenders.map(({ name }) => [name, []]));
    if (!row.oneRound) for (const contender of open.contenders) await contender.run();
    for (let round = 0; round < rounds; round += 1) {
      options.onRound?.(row.title, round + 1);
      // Another one begins each time: whoever comes first, or after whom, is no advantage.
      for (const contender of rotated(open.contenders, round)) seen.get(contender.name)?.push(await contender.run());
    }
    return {
      id: row.id,
      title: row.title,
      rounds,
      judged: row.limits.map((limit) => judge(limit, seen, open.contenders[0]?.name ?? "")),
      measured: [...seen].map(([name, each]) => ({ name, measures: spreads(each) })),
    };
  } finally {
    await open.close();
  }
}

function rotated(contenders: readonly Contender[], by: number): Contender[] {
  const start = by % contenders.length;
  return [...contenders.slice(start), ...contenders.slice(0, start)];
}

function judge(limit: Limit, seen: ReadonlyMap<string, readonly Measures[]>, first: string): Judged {
  const { measure, against, atLeast, atMost } = limit;
  const of = limit.of ?? first;
  const values = valuesOf(seen, of, measure);
  const others = against === undefined ? undefined : valuesOf(seen, against, measure);
  const spread = spreadOf(others === undefined ? values : values.map((value, i) => value / (others[i] as number)));
  const isJudged = atLeast !== undefined || atMost !== undefined;
  const holds = isJudged
    ? spread.median >= (atLeast ?? Number.NEGATIVE_INFINITY) && spread.median <= (atMost ?? Number.POSITIVE_INFINITY)
    : undefined;
  return { ...limit, of, seen: spread, holds };
}

function valuesOf(seen: ReadonlyMap<string, readonly Measures[]>, name: string, measure: string): number[] {
  const values = (seen.get(name) ?? []).map((measures) => measures[measure]);
  if (values.length > 0 && values.every((value) => value !== undefined)) return values as number[];
  throw new Error(`${name}: expected the measure ${measure} in every round`);
}

function spreads(each: readonly Measures[]): Record<string, Spread> {
  const names = Object.keys(each[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, spreadOf(each.map((measures) => measures[name] as number))]));
}
