/** What must stay flat, and the verdict on it. */
import type { Process } from "../processes.ts";
import { percentile } from "../statistics.ts";
import type { SoakCluster } from "./cluster.ts";

export type Sample = Readonly<Record<string, number>>;

export async function takeSample(cluster: SoakCluster, processes: Readonly<Record<string, Process>>): Promise<Sample> {
  const each = await Promise.all(
    cluster.nodes.map(async ({ redis }) => {
      const [memory, clients, keys] = await Promise.all([redis.info("memory"), redis.info("clients"), redis.dbsize()]);
      const numberIn = (text: string, name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(text)?.[1]);
      return { mib: numberIn(memory, "used_memory") / 2 ** 20, clients: numberIn(clients, "connected_clients"), keys };
    }),
  );
  const sum = (of: (node: (typeof each)[number]) => number) => each.reduce((total, node) => total + of(node), 0);
  const resident = Object.entries(processes).map(([name, process]) => [`${name} MiB`, process.residentMiB()]);
  return {
    connections: sum(({ clients }) => clients),
    keys: sum(({ keys }) => keys),
    "redis MiB": sum(({ mib }) => mib),
    ...Object.fromEntries(resident),
  };
}

export interface Trend {
  readonly what: string;
  /** Medians of the second and of the last third of the run; the first one warms up. */
  readonly before: number;
  readonly after: number;
  readonly isFlat: boolean;
}

/** Growth that noise explains: a share, and something for what is small anyway. */
const ALLOWED: Readonly<Record<string, { readonly share: number; readonly plus: number }>> = {
  connections: { share: 0, plus: 2 },
  keys: { share: 0.05, plus: 30 },
  MiB: { share: 0.1, plus: 8 },
};

export function trendsOf(samples: readonly Sample[]): Trend[] {
  const third = Math.floor(samples.length / 3);
  if (third === 0) throw new RangeError("expected at least three samples");
  return Object.keys(samples[0] ?? {}).map((what) => {
    const medianOf = (from: number, to: number) =>
      percentile(
        samples.slice(from, to).map((sample) => sample[what] as number),
        50,
      );
    const [before, after] = [medianOf(third, 2 * third), medianOf(samples.length - third, samples.length)];
    const { share, plus } = ALLOWED[what] ?? (ALLOWED.MiB as { share: number; plus: number });
    return { what, before, after, isFlat: after <= before * (1 + share) + plus };
  });
}
