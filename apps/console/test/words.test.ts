/** What the console says, and what it offers, as a workspace stands. */
import { describe, expect, test } from "vitest";
import { EVENTS } from "../../../packages/debounce/src/vocabulary.ts";
import { actionsFor } from "../src/actions.ts";
import { alertsOf } from "../src/alerts.ts";
import { WORKSPACE_EVENTS } from "../src/event-names.ts";
import { found, readQuery, writeQuery } from "../src/fleet-query.ts";
import { FIRST_PLAN, membersOf, requestOf } from "../src/rollout-plan.ts";
import { countdownOf, durationOf } from "../src/times.ts";
import type { Covered, Fleet, Line, PolicyShown, Workspace } from "../src/types.ts";
import { sentenceOf } from "../src/words.ts";

const NOW = Date.parse("2026-05-20T12:00:00Z");
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();

const IDLE: Workspace["restart"] = {
  ...{
    phase: "idle",
    generation: 0,
    observedGeneration: 0,
    dueAt: null,
    because: null,
    deadlineAt: null,
    startedAt: null,
  },
  ...{ cooldownEndsAt: null, heldUntil: null, budgetUntil: null, loop: null, why: [], cycle: null, lastCycle: null },
  ...{ failures: 0, breakerOpen: false },
};
const workspace = (restart: Partial<Workspace["restart"]>, status = "online"): Workspace => ({
  ...{ id: "w", name: null, runtime: null, parentId: null, pausedBy: null, tags: {}, status, instance: null },
  restart: { ...IDLE, ...restart },
});
const saves = (count: number): Covered => ({
  ...{ source: "file-write", count, firstAt: at(-20), lastAt: at(-3), actors: ["ann"] },
  files: Array.from({ length: count }, (_, n) => `${n}.md`),
});
const policy: PolicyShown = {
  ...{ profile: "default", override: null, cooldownMs: { value: 60_000 }, quietHours: { value: null } },
  sources: {
    "file-write": {
      ...{ windowMs: { value: 15_000 }, trailing: { value: true } },
      ...{ maxWaitMs: { value: 120_000 }, cooldown: { value: "defer" } },
    },
  },
};

describe("the sentence", () => {
  test("says what an owed restart covers and waits for, and until when at the latest", () => {
    const quiet = workspace({
      phase: "scheduled",
      why: [saves(9)],
      dueAt: at(12),
      because: "quiet",
      deadlineAt: at(100),
    });
    const { headline, more } = sentenceOf(quiet, NOW, policy);
    expect(headline).toBe("Restarts in 12 s");
    expect(more).toMatch(/^9 files were saved; it waits until nothing is saved for 15 s, at the latest \d\d:\d\d:40$/);
  });

  test.each([
    [
      "running",
      {
        phase: "running",
        cycle: { id: "c", action: "restart", attempt: 2, startedAt: at(-8), covers: [saves(1)], steps: [] },
      },
      "Restarting for 8 s (attempt 2)",
      "a file was saved",
    ],
    [
      "due",
      { phase: "scheduled", why: [saves(2)], dueAt: at(-3), because: "at-once" },
      "Due since 3 s",
      "2 files were saved; it waits for a worker",
    ],
    ["in backoff", { phase: "backoff", dueAt: at(5), failures: 1 }, "Tries again in 5 s", "the last attempt failed"],
    [
      "failed",
      { phase: "failed", failures: 5, breakerOpen: true },
      "Failed 5 times in a row",
      "nothing is tried until a person asks or a change comes",
    ],
    ["idle", {}, "Running, nothing is owed", "it has not been restarted yet, or longer ago than is kept"],
  ] as const)("of one that is %s", (_, restart, headline, more) => {
    expect(sentenceOf(workspace(restart as Partial<Workspace["restart"]>), NOW, policy)).toEqual({ headline, more });
  });

  test("of one that is paused tells what it keeps", () => {
    const { headline, more } = sentenceOf(workspace({ why: [saves(1)] }, "paused"), NOW);
    expect([headline, more]).toEqual([
      "Paused",
      "restarts are refused until it is resumed; meanwhile a file was saved, which the cycle that starts it covers",
    ]);
  });
});

describe("the actions", () => {
  const verbs = (restart: Partial<Workspace["restart"]>, status?: string) =>
    actionsFor(workspace(restart, status), NOW).map(({ verb }) => verb);

  test("are those that the state allows", () => {
    expect(verbs({})).toEqual(["restart", "hold", "pause", "hibernate"]);
    expect(verbs({ phase: "scheduled", why: [saves(1)], dueAt: at(5) })).toEqual([
      "restart",
      "flush",
      "hold",
      "cancel",
      "pause",
      "hibernate",
    ]);
    expect(verbs({ phase: "held", heldUntil: at(60) })).toEqual(["restart", "release", "hold", "pause", "hibernate"]);
    expect(verbs({}, "paused")).toEqual(["resume"]);
    expect(verbs({}, "hibernated")).toEqual(["wake", "pause"]);
    expect(verbs({}, "external")).toEqual([]);
  });

  test("say what they will do now, and ask back where something is lost", () => {
    const owed = actionsFor(workspace({ phase: "scheduled", why: [saves(3)], dueAt: at(12) }), NOW);
    const of = (verb: string) => owed.find((action) => action.verb === verb);
    expect(of("restart")?.effect).toMatch(/^It starts now instead of in 12 s/);
    expect(of("restart")?.confirm).toMatch(/interrupted/);
    expect(of("cancel")?.confirm).toBe(
      "No restart covers what is owed (3 files were saved) any more, unless something new comes.",
    );
    expect(of("hold")?.confirm).toBeUndefined();
  });
});

const line = (id: string, more: Partial<Line> = {}): Line => ({
  ...{
    id,
    name: null,
    runtime: "vm",
    tags: {},
    status: "online",
    phase: "idle",
    dueAt: null,
    startedAt: null,
    owed: 0,
  },
  ...{ owedSince: null, sources: [], heldUntil: null, budgetUntil: null, looping: false },
  ...more,
});

test("the fleet's query goes into an address and comes back, and finds who is like that, most urgent first", () => {
  const lines = [
    line("a", { tags: { tenant: "acme" } }),
    line("b", { phase: "scheduled", dueAt: at(9), tags: { tenant: "acme" } }),
    line("c", { phase: "scheduled", dueAt: at(2), tags: { tenant: "acme: east" } }),
    line("d", { phase: "failed", name: "Acme's" }),
  ];
  const ask = (query: string) => found(lines, readQuery(new URLSearchParams(query)), NOW).map(({ id }) => id);
  expect(ask("")).toEqual(["d", "c", "b", "a"]);
  expect(ask("q=acme")).toEqual(["d", "c", "b", "a"]);
  expect(ask("tag=tenant: acme")).toEqual(["b", "a"]);
  expect(ask("tag=tenant: acme: east")).toEqual(["c"]);
  expect(ask("phase=scheduled&sort=id")).toEqual(["b", "c"]);
  expect(writeQuery(readQuery(new URLSearchParams("q=x&phase=failed&sort=urgency&phase=nonsense")))).toBe(
    "q=x&phase=failed",
  );
});

test("the alerts that would fire are those of a fleet that needs somebody", () => {
  const fleet: Fleet = {
    ...{ now: at(0), registered: 3, oldestDueAgeMs: 0, workers: [2], webhooksDisabled: 0 },
    phases: { idle: 3, running: 0, scheduled: 0, backoff: 0, held: 0, failed: 0 },
  };
  expect(alertsOf(fleet, [line("a")], NOW)).toEqual([]);
  const bad = { ...fleet, workers: [0], oldestDueAgeMs: 90_000, phases: { ...fleet.phases, failed: 2 } };
  const lines = [line("a", { looping: true }), line("b", { budgetUntil: at(60) })];
  expect(alertsOf(bad, lines, NOW).map(({ name }) => name)).toEqual([
    "RestartNoWorker",
    "RestartDueTooLong",
    "RestartBreakerOpen",
    "RestartLoop",
    "RestartBudgetSpent",
  ]);
  // Where Redis does not tell its clients, nothing is claimed of the workers.
  expect(alertsOf({ ...fleet, workers: null }, [], NOW)).toEqual([]);
});

test("a rollout's plan names whom it would restart, in the order the API does, and asks for just that", () => {
  const lines = [line("b", { tags: { team: "red" } }), line("a", { tags: { team: "red" } }), line("c")];
  expect(membersOf(FIRST_PLAN, lines)).toBeUndefined();
  const plan = { ...FIRST_PLAN, tag: "team: red" };
  expect(membersOf(plan, lines)).toEqual(["a", "b"]);
  expect(requestOf(plan)).toEqual({
    selector: { tags: { team: "red" } },
    maxConcurrent: 5,
    splayMs: 0,
    canary: { count: 1 },
    pauseOnFailure: 1,
  });
  const ids = { ...FIRST_PLAN, whom: "ids" as const, ids: "c, a\na", pauseOnFailure: 0, canaries: 0 };
  expect(membersOf(ids, lines)).toEqual(["c", "a"]);
  expect(requestOf(ids)).toEqual({ ids: ["c", "a"], maxConcurrent: 5, splayMs: 0, pauseOnFailure: null });
});

test.each([
  [850, "850 ms"],
  [1_500, "1.5 s"],
  [86_400, "1 min 26 s"],
  [11_100_000, "3 h 5 min"],
  [187_200_000, "2 d 4 h"],
])("%d ms are %s", (ms, words) => expect(durationOf(ms)).toBe(words));

test("what counts down ends with 1 s, then 0 s", () => {
  expect([1_001, 1_000, 1, 0, -5].map(countdownOf)).toEqual(["2 s", "1 s", "1 s", "0 s", "0 s"]);
});

test("every event of a workspace that there is is heard", () => {
  const ofWorkspaces = EVENTS.filter((name) => name.startsWith("WORKSPACE_"));
  expect([...WORKSPACE_EVENTS].sort()).toEqual([...ofWorkspaces].sort());
});
