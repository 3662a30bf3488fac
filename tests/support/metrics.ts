/** Metrics as documented, and as exposed. */
import { readFileSync } from "node:fs";

export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly by: "API" | "worker" | "both";
}

export function documentedMetrics(): DocumentedMetric[] {
  const text = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  return text.split("\n").flatMap((line) => {
    const [, name, type, labels, by] = /^\| `(\w+)` \| (\w+) \|([^|]*)\| (API|worker|both) \|/.exec(line) ?? [];
    if (name === undefined) return [];
    const names = [...(labels ?? "").matchAll(/`(\w+)`/g)].map(([, label]) => label as string);
    return [{ name, type: type as string, labels: names, by: by as DocumentedMetric["by"] }];
  });
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Scrape {
  /** The type of each metric. */
  readonly types = new Map<string, string>();
  readonly #samples: (Sample & { readonly name: string })[] = [];

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const [, typed, type] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
      if (typed !== undefined) this.types.set(typed, type as string);
      const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) continue;
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]);
      this.#samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) });
    }
  }

  /** The samples of a metric, those of a histogram's parts included. */
  of(metric: string): readonly Sample[] {
    const parts = this.types.get(metric) === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    return this.#samples.filter(({ name }) => parts.some((part) => name === metric + part));
  }

  /** The labels that are used, but for a histogram's bounds. */
  labelsOf(metric: string): string[] {
    const names = this.of(metric).flatMap(({ labels }) => Object.keys(labels));
    return [...new Set(names)].filter((label) => label !== "le").sort();
  }

  /** One sample's value; undefined when there is none with these labels. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const isIt = (sample: Sample) => Object.entries(labels).every(([label, text]) => sample.labels[label] === text);
    return this.#samples.find((sample) => sample.name === name && isIt(sample))?.value;
  }
}

export async function scrape(url: string, token?: string): Promise<Scrape> {
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}/metrics`, headers && { headers });
  if (response.status !== 200) throw new Error(`${url}/metrics answered ${response.status}`);
  return new Scrape(await response.text());
}
