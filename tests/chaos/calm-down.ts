/** After the storm: everything is healthy, every hold and pause ends, and what is owed has time to be done. */
import { setTimeout as sleep } from "node:timers/promises";
import type { FinalState } from "../judge/evidence.ts";
import type { Client } from "./client.ts";
import { CAST, HEALTHY_SPEC } from "./workspaces.ts";

const LOOK_EVERY_MS = 400;
/** Idle so many times in a row counts as settled. */
const LOOKS = 3;

interface Shown {
  readonly id: string;
  readonly status: string;
  readonly down: object | null;
  readonly restart: FinalState & { readonly heldUntil?: number | null; readonly breakerOpen: boolean };
}

/** The last look at every workspace that is known. */
export async function calmDown(client: Client, withinMs: number): Promise<Map<string, FinalState>> {
  for (const { id: workspaceId } of CAST.filter(({ part }) => part === "failing")) {
    await client.persistently({ workspaceId, verb: "register", method: "PUT", body: { spec: HEALTHY_SPEC } });
  }
  const until = Date.now() + withinMs;
  let shown = await everyWorkspace(client);
  for (let calm = 0; calm < LOOKS && Date.now() < until; ) {
    const busy = shown.filter((workspace) => !isAtRest(workspace));
    await Promise.all(shown.map((workspace) => help(client, workspace)));
    await sleep(LOOK_EVERY_MS);
    calm = busy.length === 0 ? calm + 1 : 0;
    shown = await everyWorkspace(client);
  }
  return new Map(
    shown.map(({ id, restart: { phase, generation, observedGeneration } }) => [
      id,
      { phase, generation, observedGeneration },
    ]),
  );
}

function isAtRest({ down, restart: { phase, generation, observedGeneration } }: Shown): boolean {
  return down === null && phase === "idle" && observedGeneration >= generation;
}

/** What a person does for a workspace that cannot go on by itself. */
async function help(client: Client, { id: workspaceId, status, restart }: Shown): Promise<void> {
  const post = { workspaceId, method: "POST" } as const;
  if (status === "paused") await client.once({ ...post, verb: "resume", path: "/resume" });
  if (status === "hibernated") await client.once({ ...post, verb: "wake", path: "/wake" });
  if (restart.phase === "held") await client.once({ ...post, verb: "release", path: "/release", body: { all: true } });
  if (restart.phase === "failed") {
    await client.once({ ...post, verb: "trigger", source: "manual", path: "/restart", body: {} });
  }
}

async function everyWorkspace(client: Client): Promise<Shown[]> {
  const all: Shown[] = [];
  for (let cursor = ""; ; ) {
    const page = await client.read(`/workspaces?limit=200${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const { workspaces, nextCursor } = page as { workspaces: Shown[]; nextCursor: string | null };
    all.push(...workspaces);
    if (nextCursor === null) return all;
    cursor = nextCursor;
  }
}
