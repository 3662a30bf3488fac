import { describe, expect, test } from "vitest";
import { judge } from "./judge.ts";
import { Story } from "./story.ts";

const ok = (at: number) => ({ at, status: 202 });

/** The promises that were broken, one for each violation. */
function broken(story: Story): string[] {
  return judge(story.evidence()).violations.map(({ promise }) => promise);
}

describe("a clean run", () => {
  test("a burst and its follow-up", () => {
    const story = new Story().trigger(100).trigger(200, "coalesced").trigger(300, "coalesced");
    story.cycle(105, 400, "c1").cycle(1_105, 1_400, "c2");
    const verdict = judge(story.evidence());
    expect(verdict.violations).toEqual([]);
    expect(verdict.kept).toBe(true);
    expect(verdict.counts).toMatchObject({
      owed: 3,
      covered: 3,
      cycles: 2,
      goodCycles: 2,
      burstsMeasured: 1,
      gapsMeasured: 1,
    });
  });

  test.each<[string, Story]>([
    [
      "a takeover that need not begin again",
      new Story().trigger(100).effect(105, "begin", "c1").effect(900, "end", "c1", { token: 600, attempt: 2 }),
    ],
    [
      "a takeover that does not know of the begin",
      new Story()
        .trigger(100)
        .effect(105, "begin", "c1")
        .effect(600, "begin", "c1", { attempt: 2 })
        .effect(900, "end", "c1", { token: 600, attempt: 2 }),
    ],
    [
      "a failed attempt whose retry begins again, in spite of the cooldown",
      new Story()
        .workspace({ reliable: false })
        .trigger(100)
        .effect(105, "begin", "c1")
        .effect(305, "begin", "c1", { attempt: 2 })
        .effect(400, "end", "c1", { token: 305, attempt: 2 }),
    ],
    [
      "an end whose worker died before it could tell",
      new Story().trigger(100).cycle(105, 300, "c1").effect(900, "end", "c1", { token: 800, attempt: 2 }),
    ],
    [
      "a worker that was told to stop and handed over",
      new Story()
        .trigger(100)
        .effect(105, "begin", "c1")
        .interrupted(150, 180)
        .effect(300, "end", "c1", { token: 190, attempt: 2 }),
    ],
    ["refusals", new Story().trigger(100).cycle(105, 300, "c1").effect(400, "refused", "c0", { token: 50 })],
    ["dropped and refused triggers", new Story().trigger(100, "dropped").trigger(200, "refused")],
    ["a trigger nobody acknowledged", new Story().asked("trigger", 100, undefined, "file-write")],
    [
      "a person's restart inside the cooldown",
      new Story().trigger(100).cycle(105, 200, "c1").trigger(300, "fired", "manual").cycle(301, 400, "c2"),
    ],
    [
      "a flush whose answer got lost",
      new Story()
        .trigger(100)
        .cycle(105, 200, "c1")
        .trigger(250, "coalesced")
        .asked("flush", 300)
        .cycle(303, 400, "c2"),
    ],
    [
      "a canceled trigger",
      new Story().trigger(100, "coalesced").asked("cancel", 110, { at: 115, status: 202, canceled: true }),
    ],
    [
      "a cycle that was asked to stop",
      new Story()
        .trigger(100)
        .effect(105, "begin", "c1")
        .asked("cancel", 110, { at: 115, status: 202, canceled: true })
        .trigger(1_200)
        .cycle(1_205, 1_300, "c2"),
    ],
    [
      "a pause and a resume",
      new Story()
        .trigger(100)
        .cycle(105, 200, "c1")
        .asked("pause", 210, ok(215))
        .effect(220, "stop", "c2")
        .asked("resume", 230, ok(235))
        .cycle(240, 300, "c3"),
    ],
    [
      "a cycle given up for good, in a workspace that was told to fail",
      new Story()
        .workspace({ reliable: false })
        .trigger(100)
        .effect(105, "begin", "c1")
        .trigger(1_200)
        .cycle(1_205, 1_300, "c2"),
    ],
    [
      "a removed workspace",
      new Story()
        .trigger(100)
        .asked("remove", 110, ok(115))
        .workspace({ final: undefined } as never),
    ],
    ["a receipt that is found again", new Story().trigger(100).replayed("t100").cycle(105, 200, "c1")],
  ])("%s", (_, story) => {
    expect(judge(story.evidence()).violations).toEqual([]);
  });
});

describe("covered", () => {
  test("a trigger after the start of the last cycle", () => {
    expect(broken(new Story().trigger(100).cycle(105, 300, "c1").trigger(200, "coalesced"))).toEqual(["covered"]);
  });

  test("a trigger whose cycle never ended well", () => {
    const story = new Story().workspace({ reliable: false }).trigger(100).effect(105, "begin", "c1");
    expect(broken(story)).toEqual(["covered"]);
  });

  test("a retry covers nothing that came after the cycle's first start", () => {
    const story = new Story().workspace({ reliable: false }).trigger(100).effect(105, "begin", "c1");
    story.trigger(200, "coalesced").effect(305, "begin", "c1", { attempt: 2 });
    story.effect(400, "end", "c1", { token: 305, attempt: 2 });
    expect(broken(story)).toEqual(["covered"]);
  });

  test("a cancel before the trigger, or one that found nothing, excuses nothing", () => {
    const before = new Story().asked("cancel", 50, { at: 55, status: 202, canceled: true }).trigger(100, "coalesced");
    expect(broken(before)).toEqual(["covered"]);
    const idle = new Story().trigger(100, "coalesced").asked("cancel", 150, { at: 155, status: 202, canceled: false });
    expect(broken(idle)).toEqual(["covered"]);
  });
});

describe("single", () => {
  test("an effect by a token below one already seen", () => {
    const story = new Story().trigger(100).effect(105, "begin", "c1");
    story.effect(600, "begin", "c1", { attempt: 2 }).effect(700, "end", "c1", { token: 105 });
    expect(broken(story)).toContain("single");
  });

  test("a cycle that goes on after another began", () => {
    const story = new Story().workspace({ reliable: false }).trigger(100).effect(105, "begin", "c1");
    story.trigger(1_150).cycle(1_200, 1_300, "c2").effect(1_400, "end", "c1", { attempt: 2 });
    expect(broken(story)).toEqual(["single"]);
  });

  test("a cycle that begins while another is under way", () => {
    const story = new Story().trigger(100).effect(105, "begin", "c1").trigger(1_150).cycle(1_200, 1_300, "c2");
    expect(broken(story)).toEqual(["single"]);
  });

  test("a takeover before the lease can have run out", () => {
    const story = new Story().trigger(100).effect(105, "begin", "c1");
    expect(broken(story.effect(600, "end", "c1", { token: 504, attempt: 2 }))).toEqual(["single"]);
  });

  test("an end without a begin", () => {
    expect(broken(new Story().effect(105, "end", "c1").asked("register", 1, ok(2)))).toEqual(["single"]);
  });

  test.each<[string, Story]>([
    ["two cycles with one token", new Story().cycle(105, 200, "c1").effect(1_200, "begin", "c2", { token: 105 })],
    [
      "one attempt that begins twice",
      new Story().effect(105, "begin", "c1").effect(110, "begin", "c1", { token: 105 }),
    ],
    [
      "two attempts with one token",
      new Story().effect(105, "begin", "c1").effect(110, "end", "c1", { token: 105, attempt: 2 }),
    ],
  ])("%s", (_, story) => {
    expect(broken(story.trigger(100))).toContain("single");
  });
});

describe("few", () => {
  test("two starts inside the cooldown", () => {
    const story = new Story().trigger(100).cycle(105, 200, "c1").trigger(500, "coalesced").cycle(1_104, 1_200, "c2");
    expect(broken(story)).toEqual(["few"]);
  });

  test("a person who asked for the cycle before excuses nothing", () => {
    const story = new Story().trigger(100, "fired", "manual").cycle(110, 200, "c1");
    story.trigger(500, "coalesced").cycle(1_000, 1_200, "c2");
    expect(broken(story)).toEqual(["few"]);
  });

  test("a request that was turned down excuses nothing", () => {
    const story = new Story().trigger(100).cycle(105, 200, "c1").trigger(500, "coalesced");
    story.asked("flush", 600, { at: 605, status: 409 }).cycle(1_000, 1_200, "c2");
    expect(broken(story)).toEqual(["few"]);
  });

  test("a burst that costs three cycles", () => {
    const story = new Story();
    for (let at = 100; at <= 1_200; at += 100) story.trigger(at, at === 100 ? "fired" : "coalesced");
    story.cycle(101, 110, "c1").cycle(1_101, 1_110, "c2").cycle(2_101, 2_110, "c3");
    expect(broken(story)).toEqual(["few"]);
  });

  describe("a burst in which a trigger was recorded late, at a replica that stood still", () => {
    /** Sent at 150 and recorded at 2,040: by then the burst around it is long over, and it is owed a cycle of its own. */
    const late = (story: Story, decision: "coalesced" | "dropped" = "coalesced") =>
      story.asked("trigger", 150, answered(2_050, decision), "file-write");
    const answered = (at: number, decision: "fired" | "coalesced" | "dropped") => ({
      ...{ at, status: 202, receipt: { triggerId: `t${at}`, decision, rule: "window", generation: at } },
    });
    const threeCycles = (story: Story) =>
      story.cycle(101, 110, "c1").cycle(1_101, 1_110, "c2").cycle(2_250, 2_260, "c3");

    test("is no burst: three cycles are no violation", () => {
      const inTheMiddle = late(new Story().trigger(100)).trigger(200, "coalesced").trigger(300, "coalesced");
      expect(broken(threeCycles(inTheMiddle))).toEqual([]);
      const atItsEnd = late(new Story().trigger(100).trigger(120, "coalesced"));
      expect(broken(threeCycles(atItsEnd))).toEqual([]);
      const atItsBegin = late(new Story()).trigger(160).trigger(200, "coalesced");
      expect(broken(atItsBegin.cycle(161, 170, "c1").cycle(1_201, 1_210, "c2").cycle(2_250, 2_260, "c3"))).toEqual([]);
    });

    test("nor is one in whose time a trigger of another source may have been recorded", () => {
      const story = new Story().asked("trigger", 90, answered(2_050, "coalesced"), "plugin-change");
      expect(broken(threeCycles(story.trigger(100).trigger(200, "coalesced")))).toEqual([]);
    });

    test("one that was dropped, or recorded before the burst, excuses nothing", () => {
      const triggers = (story: Story) => {
        for (let at = 200; at <= 1_200; at += 100) story.trigger(at, at === 200 ? "fired" : "coalesced");
        return story.cycle(201, 210, "c1").cycle(1_201, 1_210, "c2").cycle(2_250, 2_260, "c3");
      };
      expect(broken(triggers(late(new Story(), "dropped")))).toEqual(["few"]);
      const before = new Story().asked("trigger", -2_000, answered(-100, "coalesced"), "plugin-change");
      expect(broken(triggers(before.cycle(-900, -890, "c0")))).toEqual(["few"]);
    });

    test("answers that are slow, but soon enough for the window, leave it a burst", () => {
      const story = new Story();
      for (let at = 100; at <= 1_200; at += 100) {
        story.asked("trigger", at, answered(at + 90, at === 100 ? "fired" : "coalesced"), "file-write");
      }
      story.cycle(101, 110, "c1").cycle(1_101, 1_110, "c2").cycle(2_101, 2_110, "c3");
      expect(broken(story)).toEqual(["few"]);
    });
  });

  test("tokens from the future", () => {
    expect(broken(new Story().trigger(100).effect(105, "begin", "c1", { token: 900 }))).toContain("few");
  });

  test("a restart nobody asked for", () => {
    expect(broken(new Story().cycle(105, 200, "c1"))).toEqual(["few"]);
    expect(broken(new Story().trigger(100).cycle(110, 200, "c1").cycle(1_110, 1_200, "c2"))).toEqual(["few"]);
  });

  test("a restart of a workspace nobody knows", () => {
    const { workspaces: _, ...evidence } = new Story().cycle(105, 200, "c1").evidence();
    expect(judge({ ...evidence, workspaces: [] }).violations).toMatchObject([{ promise: "few", workspaceId: "w" }]);
  });
});

describe("durable", () => {
  const stuck = { phase: "scheduled", generation: 100, observedGeneration: 0 };

  test("a trigger that is still owed at the end", () => {
    expect(broken(new Story().trigger(100).workspace({ final: stuck }))).toEqual(["durable", "durable"]);
  });

  test("a workspace that is idle and yet behind", () => {
    const final = { phase: "idle", generation: 100, observedGeneration: 99 };
    expect(broken(new Story().trigger(100).cycle(105, 200, "c1").workspace({ final }))).toEqual(["durable"]);
  });

  test("a generation below an acknowledged one", () => {
    const final = { phase: "idle", generation: 99, observedGeneration: 99 };
    expect(broken(new Story().trigger(100).cycle(105, 200, "c1").workspace({ final }))).toEqual(["durable"]);
  });

  test("a receipt that is not found again", () => {
    expect(broken(new Story().trigger(100).replayed("another").cycle(105, 200, "c1"))).toEqual(["durable"]);
    expect(broken(new Story().trigger(100).replayed(undefined).cycle(105, 200, "c1"))).toEqual(["durable"]);
  });

  test("a registration that is gone", () => {
    const story = new Story().asked("register", 50, { at: 55, status: 201 }).workspace({ final: undefined } as never);
    expect(broken(story)).toEqual(["durable"]);
  });
});

test("a violation names workspace, cycle and time, and shows its proof", () => {
  const story = new Story().trigger(100).effect(105, "begin", "c1").trigger(1_150).cycle(1_200, 1_300, "c2");
  const [violation] = judge(story.evidence()).violations;
  expect(violation).toMatchObject({ workspaceId: "w", cycleId: "c2", at: 1_200 });
  expect(violation?.proof).toMatchObject([{ cycleId: "c1" }, { cycleId: "c2" }]);
});

describe("alive", () => {
  const lived = () => new Story().trigger(100).cycle(105, 200, "c1");

  test("a death is a cause, and once it is made good nothing is wrong", () => {
    expect(broken(lived().died(2_000).cycle(9_000, 9_100, "c2"))).toEqual([]);
    expect(broken(lived().calm(1_500).died(2_000).cycle(7_000, 7_500, "c2"))).toEqual([]);
    expect(judge(lived().calm(1_500).died(2_000).cycle(7_000, 7_500, "c2").evidence()).counts).toMatchObject({
      deaths: 1,
      deathsInCalm: 1,
    });
  });

  test("in the cooldown it may take as much longer", () => {
    expect(broken(lived().calm(250).died(300).cycle(6_200, 6_600, "c2"))).toEqual([]);
    expect(broken(lived().calm(250).died(300).cycle(6_200, 6_700, "c2"))).toEqual(["alive"]);
  });

  test.each<[string, Story]>([
    ["nothing is done about it", lived().died(2_000)],
    ["it is not back", lived().calm(1_500).died(2_000).effect(2_500, "begin", "c2")],
    ["it is back too late", lived().calm(1_500).died(2_000).cycle(7_000, 7_501, "c2")],
  ])("%s", (_, story) => {
    expect(broken(story)).toContain("alive");
  });

  test("a restart without a death or a request is still one too many", () => {
    expect(broken(lived().died(2_000).cycle(3_000, 3_100, "c2").cycle(9_000, 9_100, "c3"))).toEqual(["few"]);
  });

  test("one that was removed is not missed", () => {
    const story = lived().died(2_000).asked("remove", 2_100, ok(2_110));
    expect(broken(story.workspace({ final: undefined }))).toEqual([]);
  });
});
