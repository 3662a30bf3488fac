/** What a row of the benchmark is: ours and what it stands against, measured in turn, and what must come of it. */

/** What one round showed, by the name of the measure; its unit is in the name. */
export type Measures = Readonly<Record<string, number>>;

export interface Contender {
  readonly name: string;
  /** One round. The first is thrown away: it warms up what is measured. */
  run(): Promise<Measures>;
}

export interface Limit {
  /** Of which contender of ours; the first one unless told otherwise. */
  readonly of?: string;
  readonly measure: string;
  /** The limit is for the ratio to this contender, in the same round; without one it is for the value itself. */
  readonly against?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface OpenRow {
  /** Ours first. */
  readonly contenders: readonly Contender[];
  close(): Promise<void>;
}

export interface Row {
  readonly id: string;
  readonly title: string;
  /** What must hold; a ratio without a limit is `{ measure, against }` alone. */
  readonly limits: readonly Limit[];
  /** More rounds than one make no sense where a round is one long look. */
  readonly oneRound?: boolean;
  /** `isShort`: just enough to see that it works. */
  open(isShort: boolean): Promise<OpenRow>;
}
