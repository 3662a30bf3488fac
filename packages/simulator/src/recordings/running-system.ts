/** Asks a running system for its activity: one workspace's, or that of all. */
import { z } from "zod";
import { type ActivityEntry, activityPage, type Covered, owedList, triggersOf } from "./activity.ts";
import { type Recording, SimulationError } from "./recording.ts";

const state = z.object({ id: z.string(), restart: z.object({ why: owedList }) });
const page = z.object({ workspaces: z.array(state), nextCursor: z.string().nullish() });
const ANSWER_WITHIN_MS = 10_000;
const MOST_PER_PAGE = 200;

/** `address`: the API's, or that of one of its workspaces (`…/workspaces/demo`). @throws SimulationError */
export async function readRunningSystem(
  address: string,
  token: string | undefined,
): Promise<Pick<Recording, "triggers" | "startsAtMs">> {
  const url = new URL(address);
  const [, base, id] = /^(.*?)(?:\/workspaces(?:\/([^/]+))?(?:\/activity)?)?\/?$/.exec(url.pathname) ?? [];
  const api = `${url.origin}${base ?? ""}`;
  const ask = <Schema extends z.ZodType>(path: string, schema: Schema) => get(`${api}${path}`, token, schema);

  const workspaces = id === undefined ? await all(ask) : [await ask(`/workspaces/${id}`, state)];
  const entries: ActivityEntry[] = [];
  const owed: (Covered & { workspace: string })[] = [];
  for (const { id: workspace, restart } of workspaces) {
    owed.push(...restart.why.map((group) => ({ ...group, workspace })));
    entries.push(...(await activityOf(workspace, ask)));
  }
  return triggersOf(entries, owed, api);
}

type Ask = <Schema extends z.ZodType>(path: string, schema: Schema) => Promise<z.infer<Schema>>;

async function all(ask: Ask) {
  const workspaces: z.infer<typeof state>[] = [];
  let cursor: string | undefined;
  do {
    const more = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const answer = await ask(`/workspaces?limit=${MOST_PER_PAGE}${more}`, page);
    workspaces.push(...answer.workspaces);
    cursor = answer.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return workspaces;
}

async function activityOf(id: string, ask: Ask): Promise<ActivityEntry[]> {
  const entries: ActivityEntry[] = [];
  let before: string | undefined;
  do {
    const more = before === undefined ? "" : `&before=${encodeURIComponent(before)}`;
    const answer = await ask(`/workspaces/${id}/activity?limit=${MOST_PER_PAGE}${more}`, activityPage);
    entries.push(...answer.activity);
    before = answer.nextBefore ?? undefined;
  } while (before !== undefined);
  return entries;
}

async function get<Schema extends z.ZodType>(
  url: string,
  token: string | undefined,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const headers = new Headers(token === undefined ? undefined : { Authorization: `Bearer ${token}` });
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch(
    (error: Error) => {
      const { cause } = error as { cause?: Error };
      throw new SimulationError(`${url}: no answer: ${cause?.message ?? error.message}`);
    },
  );
  if (response.status === 401)
    throw new SimulationError(`${url}: expected a token with scope read (--token), got a 401`);
  if (!response.ok) throw new SimulationError(`${url}: expected 200, got ${response.status}`);
  const result = schema.safeParse(await response.json().catch(() => undefined));
  if (!result.success)
    throw new SimulationError(`${url}: expected this system's API: ${z.prettifyError(result.error)}`);
  return result.data;
}
