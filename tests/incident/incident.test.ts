/** A person who was asleep reconstructs the incident from the activity alone. */
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiEnvironment, readEnvironment } from "@restart-coordinator/service";
import { afterEach, describe, expect } from "vitest";
import { startApi } from "../../apps/api/src/server.ts";
import { storyOf, type Told } from "../../apps/cli/src/story.ts";
import { type Bench, test } from "../faults/support/bench.ts";
import { redisUrl } from "../setup/shared-redis.ts";
import { BEGAN_AT, letHappen } from "./happening.ts";

import { type Recorded, readRecorded } from "./recorded.ts";

const TOKEN = "reader-token-0123456789";
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** An API that shares the bench's Redis, and how to ask it. */
async function apiOf(bench: Bench) {
  const settings = { REDIS_URL: redisUrl(), RESTART_PREFIX: bench.prefix, PORT: "0", LOG_LEVEL: "silent" };
  const own = { API_TOKENS: `ann:operate:${TOKEN}`, WORKSPACES_DIR: join(tmpdir(), bench.prefix) };
  const api = await startApi(readEnvironment(apiEnvironment, { ...settings, ...own }));
  stops.push(() => api.service.stop());
  return async (method: string, path: string, body?: string) => {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const url = `http://127.0.0.1:${api.port}/workspaces/${path}`;
    const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
    expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
    return response.json() as Promise<unknown>;
  };
}

/** The whole activity of a workspace over HTTP, by pages, newest first. */
async function activityOf(id: string, ask: Awaited<ReturnType<typeof apiOf>>): Promise<Told[]> {
  const pages: Told[][] = [];
  let before = "";
  do {
    const page = await ask("GET", `${id}/activity?limit=4${before}`);
    const { activity, nextBefore } = page as { activity: Told[]; nextBefore: string | null };
    pages.push(activity);
    before = nextBefore === null ? "" : `&before=${nextBefore}`;
  } while (before !== "");
  return pages.flat();
}

/** Of the incident: the hour before is another story. */
async function incidentOf(bench: Bench, id: string) {
  const activity = await activityOf(id, await apiOf(bench));
  return storyOf(activity.filter(({ timestamp }) => Date.parse(timestamp) >= BEGAN_AT));
}

/** How many of each source, over a list of counts or of rows. */
function bySource(list: readonly { readonly source: string; readonly count?: number }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { source, count = 1 } of list) counts[source] = (counts[source] ?? 0) + count;
  return counts;
}

const isProbe = ({ source }: Recorded) => /preflight|liveness/.test(source);

describe.each(["canvas-save", "secrets-and-probes"] as const)("%s", (trace) => {
  const recorded = readRecorded(trace);

  test.for(["default", "settle", "seed"] as const)(
    "under %s every trigger of it is accounted for, every cycle explained",
    async (profile, { useBench }) => {
      const bench = useBench();
      const { cycles } = await letHappen(bench.coordinator, "w", recorded, profile);
      const incident = await incidentOf(bench, "w");

      expect(incident.cycles.map(({ startedAt }) => startedAt - BEGAN_AT)).toEqual(cycles);
      const covered = bySource(incident.cycles.flatMap(({ covers }) => covers));
      const accounted = bySource(
        [covered, incident.dropped].flatMap((counts) =>
          Object.entries(counts).map(([source, count]) => ({ source, count })),
        ),
      );
      expect(accounted).toEqual(bySource(recorded));

      for (const { startedAt, endedAt = 0, covers, midWrites, outcome, because } of incident.cycles) {
        expect({ outcome, ran: endedAt - startedAt, explained: because !== "" }).toEqual({
          outcome: "WORKSPACE_ONLINE",
          ran: 30_000,
          explained: true,
        });
        const [from, to] = [startedAt - BEGAN_AT, endedAt - BEGAN_AT];
        const writes = recorded.filter(({ source, atMs }) => source === "file-write" && atMs > from && atMs < to);
        expect(midWrites).toBe(writes.length);
        for (const { source, count, firstAt, lastAt, files, reasons, actors } of covers) {
          const rows = recorded.filter(
            (row) =>
              row.source === source &&
              row.atMs >= Date.parse(firstAt) - BEGAN_AT &&
              row.atMs <= Date.parse(lastAt) - BEGAN_AT,
          );
          expect(Date.parse(lastAt)).toBeLessThanOrEqual(startedAt);
          expect(actors).toHaveLength(1);
          // Whoever reads it learns which files, or which secrets, it was about.
          expect(new Set(files ?? reasons)).toEqual(new Set(rows.map(({ detail }) => detail)));
          if (profile !== "seed") expect(count).toBe(rows.length);
        }
      }
      if (profile !== "seed")
        expect(Object.keys(incident.dropped)).toEqual([
          ...new Set(recorded.filter(isProbe).map(({ source }) => source)),
        ]);
    },
  );

  test("reads minute by minute as docs/why.md shows it", async ({ useBench }) => {
    const bench = useBench();
    await letHappen(bench.coordinator, trace, recorded, "default");
    const { lines } = await incidentOf(bench, trace);
    const documented = readFileSync(new URL("../../docs/why.md", import.meta.url), "utf8");
    const block = documented
      .split(`<!-- ${trace} -->\n`)[1]
      ?.split("```")[1]
      ?.replace(/^\w*\n/, "")
      .trimEnd();
    expect(lines.join("\n")).toBe(block);
  });
});

test("a real API and a real worker tell the same facts", async ({ useBench }) => {
  const bench = useBench();
  const ask = await apiOf(bench);
  await ask("PUT", "w", "{}");
  await bench.worker({ SIMULATED_DURATION_MS: "2000" });
  await ask("PUT", "w/files/a.txt", "a");
  await bench.effect("w", "begin");
  await ask("PUT", "w/files/b.txt", "b");
  await ask("POST", "w/triggers", JSON.stringify({ source: "a2a-preflight", reason: "connection refused" }));
  await ask("POST", "w/flush", "{}");
  await bench.settled("w");

  const { cycles, dropped, lines } = storyOf(await activityOf("w", ask));
  expect(cycles).toMatchObject([
    {
      because: "at-once",
      midWrites: 1,
      covers: [{ source: "file-write", count: 1, actors: ["ann"], files: ["a.txt"] }],
    },
    { because: "asked", midWrites: 0, covers: [{ source: "file-write", count: 1, actors: ["ann"], files: ["b.txt"] }] },
  ]);
  for (const { outcome, startedAt, endedAt = 0 } of cycles) {
    expect(outcome).toBe("WORKSPACE_ONLINE");
    expect(endedAt - startedAt).toBeGreaterThanOrEqual(2_000);
  }
  expect(dropped).toEqual({ "a2a-preflight": 1 });
  expect(lines.filter((line) => / {3}running /.test(line))).toHaveLength(2);
});
