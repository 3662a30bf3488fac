/** With nothing else going wrong, workspaces die: how soon each is noticed and back is judged to the second. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "./client.ts";
import type { Reaper } from "./reaper.ts";
import { CAST } from "./workspaces.ts";

const LOOK_EVERY_MS = 200;

interface Shown {
  readonly status: string;
  readonly restart: { readonly lastCycle: { readonly id: string } | null };
}

/** Resolves once each runs again by another cycle, or the time is over: the judge says whether that was in time. */
export async function killInCalm(client: Client, reaper: Reaper, withinMs: number): Promise<string> {
  const until = Date.now() + withinMs;
  const look = (id: string) => client.read(`/workspaces/${id}`) as Promise<unknown> as Promise<Shown | undefined>;
  const killed = CAST.filter(({ part }) => part === "steady").map(async ({ id }) => {
    const before = (await look(id))?.restart.lastCycle?.id;
    if (!(await reaper.kill(id))) return [];
    for (let isBack = false; !isBack && Date.now() < until; ) {
      await sleep(LOOK_EVERY_MS);
      const shown = await look(id);
      isBack = shown?.status === "online" && shown.restart.lastCycle?.id !== before;
    }
    return [id];
  });
  return (await Promise.all(killed)).flat().join(", ");
}
