import type { Cycle, Journal } from "../../src/provisioners/provisioner.ts";

/** A cycle without a coordinator: it remembers what its provisioner recorded and told. */
export interface TestCycle extends Cycle {
  /** What was recorded, in order, as Redis would keep it. */
  readonly journals: Journal[];
  /** What was told, in order. */
  readonly steps: { readonly name: string; readonly detail: Readonly<Record<string, unknown>> }[];
}

/** The first attempt at a restart of workspace w1, except for what is given. */
export function testCycle(given: Partial<Cycle> = {}): TestCycle {
  const journals: Journal[] = [];
  const steps: TestCycle["steps"] = [];
  return {
    workspace: { id: "w1", spec: {}, instance: undefined },
    action: "restart",
    id: "c1",
    fencingToken: 1,
    attempt: 1,
    signal: new AbortController().signal,
    journal: undefined,
    leftover: undefined,
    record: async (journal) => void journals.push(JSON.parse(JSON.stringify(journal))),
    step: (name, detail = {}) => void steps.push({ name, detail }),
    safePoint: () => {},
    ...given,
    journals,
    steps,
  };
}
