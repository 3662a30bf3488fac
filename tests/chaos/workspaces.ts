/** Who is restarted: a cast of workspaces, each with a way of its own. */

export interface CastMember {
  readonly id: string;
  readonly part: "steady" | "slow" | "failing" | "operated" | "child" | "removed" | "visitor";
  readonly parentId?: string;
  /** For the simulated provisioner. */
  readonly spec: Readonly<Record<string, unknown>>;
}

const SPECS = {
  steady: { durationMs: [20, 200] },
  // Longer than the lease: it must be renewed.
  slow: { durationMs: [600, 2_600] },
  failing: { durationMs: [20, 300], failRate: 0.3, permanentRate: 0.05, declineRate: 0.1, hangRate: 0.05 },
  operated: { durationMs: [20, 900] },
  child: { durationMs: [20, 400] },
  removed: { durationMs: [20, 400] },
  visitor: { durationMs: [20, 900] },
} as const;

export const HEALTHY_SPEC = { durationMs: 50, failRate: 0, permanentRate: 0, declineRate: 0, hangRate: 0 };

const PARTS = { steady: 5, slow: 3, failing: 4, operated: 4, child: 2, removed: 2 } as const;

/** Those who are there from the start. */
export const CAST: readonly CastMember[] = Object.entries(PARTS).flatMap(([part, count]) =>
  Array.from({ length: count }, (_, n): CastMember => {
    const name = part as keyof typeof PARTS;
    return {
      id: `${part}-${n}`,
      part: name,
      spec: SPECS[name],
      ...(part === "child" && { parentId: `operated-${n}` }),
    };
  }),
);

/** Comes once, asks for one burst and is never heard of again: nothing that comes later makes good what it lost. */
export function visitor(n: number): CastMember {
  return { id: `visitor-${n}`, part: "visitor", spec: SPECS.visitor };
}

/** Its cycles are never told to fail. */
export function isReliable({ part }: CastMember): boolean {
  return part !== "failing";
}
