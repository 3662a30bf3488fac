/** What the clients ask for, and when. */
import type { Random } from "./random.ts";
import { CAST, type CastMember, visitor } from "./workspaces.ts";

/** Times are ms after the start. */
export interface LoadStep {
  readonly at: number;
  readonly member: CastMember;
  readonly ask: Ask;
}

export type Ask =
  | { readonly kind: "register" }
  /** Keyed: with an Idempotency-Key, and sent until somebody answers. */
  | { readonly kind: "trigger"; readonly source: string; readonly keyed: boolean }
  /** Of a content that others write, too, or of one of its own. */
  | { readonly kind: "write"; readonly path: string; readonly content: string | undefined }
  | { readonly kind: "restart"; readonly force: boolean }
  | { readonly kind: "hold"; readonly holdMs: number }
  | { readonly kind: "release" | "flush" | "cancel" | "pause" | "resume" | "hibernate" | "wake" }
  /** Removes it, and registers it again once it is gone. */
  | { readonly kind: "remove" };

const SOURCES = [
  ...Array<string>(6).fill("file-write"),
  ...Array<string>(3).fill("secret-change"),
  "plugin-change",
  "template-import",
  "a2a-preflight",
  "liveness-offline",
  "startup",
];
const VISITORS_EVERY_MS = 500;
const VERB_EVERY_MS = 450;

export function planLoad(random: Random, lengthMs: number): LoadStep[] {
  const steady = CAST.flatMap((member) => episodes(member, random.fork(member.id), lengthMs));
  const visitors = planVisitors(random.fork("visitors"), lengthMs);
  const verbs = planVerbs(random.fork("operators"), lengthMs);
  return [...steady, ...visitors, ...verbs].sort((a, b) => a.at - b.at);
}

/** Bursts with pauses in between, some shorter than the cooldown and some longer. */
function episodes(member: CastMember, random: Random, lengthMs: number): LoadStep[] {
  const steps: LoadStep[] = [];
  let at = random.between(0, 1_500);
  while (at < lengthMs) {
    steps.push(...burst(member, random, at));
    at = (steps.at(-1)?.at ?? at) + random.pick([random.between(200, 1_200), random.between(1_500, 6_000)]);
  }
  return steps.filter((step) => step.at < lengthMs);
}

function burst(member: CastMember, random: Random, from: number): LoadStep[] {
  const source = random.pick(SOURCES);
  const longestGap = random.pick([0, 60, 180]);
  const isMixed = random.chance(0.2);
  let at = from;
  return Array.from({ length: random.between(1, 7) }, () => {
    const step: LoadStep = { at, member, ask: request(isMixed ? random.pick(SOURCES) : source, random) };
    at += random.between(0, longestGap);
    return step;
  });
}

function request(source: string, random: Random): Ask {
  if (source === "file-write" && random.chance(0.3)) {
    const path = `file-${random.between(0, 4)}.txt`;
    return { kind: "write", path, content: random.chance(0.6) ? `version ${random.between(1, 2)}` : undefined };
  }
  return { kind: "trigger", source, keyed: random.chance(0.7) };
}

/** Some get a person's attention, which must lose nothing of theirs. */
function planVisitors(random: Random, lengthMs: number): LoadStep[] {
  const steps: LoadStep[] = [];
  for (let n = 0, at = 300; at < lengthMs; n += 1, at += random.between(100, 2 * VISITORS_EVERY_MS - 100)) {
    const member = visitor(n);
    const own = burst(member, random, at + random.between(20, 300));
    steps.push({ at, member, ask: { kind: "register" } }, ...own);
    const [first, last] = [own[0]?.at ?? at, own.at(-1)?.at ?? at];
    const later = last + random.between(50, 1_500);
    const attention = random.between(1, 12);
    if (attention === 1) {
      const asks = { before: { kind: "hold", holdMs: 20_000 }, after: { kind: "release" } } as const;
      steps.push({ at: first - 1, member, ask: asks.before }, { at: later, member, ask: asks.after });
    }
    if (attention === 2) {
      const asks = { before: { kind: "pause" }, after: { kind: "resume" } } as const;
      steps.push({ at: last + 5, member, ask: asks.before }, { at: later, member, ask: asks.after });
    }
    if (attention === 3) steps.push({ at: later, member, ask: { kind: "flush" } });
  }
  return steps;
}

const VERBS = [
  "hold",
  "release",
  "flush",
  "flush",
  "cancel",
  "pause",
  "hibernate",
  "restart",
  "restart",
  "remove",
] as const;

function planVerbs(random: Random, lengthMs: number): LoadStep[] {
  const members = (...parts: string[]) => CAST.filter(({ part }) => parts.includes(part));
  const steps: LoadStep[] = [];
  const verbs: (typeof VERBS)[number][] = [];
  const meanGap = Math.min(VERB_EVERY_MS, lengthMs / (VERBS.length + 1));
  for (let at = 500; at < lengthMs; at += random.between(meanGap / 4, 1.75 * meanGap)) {
    // Dealt like cards, so that a short run has one of each.
    if (verbs.length === 0) verbs.push(...random.shuffled(VERBS));
    const verb = verbs.pop() as (typeof VERBS)[number];
    const later = at + random.between(300, 4_000);
    const member = random.pick(members("operated", "removed"));
    switch (verb) {
      case "hold":
        steps.push({ at, member, ask: { kind: "hold", holdMs: random.between(1_000, 5_000) } });
        break;
      case "restart":
        steps.push({
          at,
          member: random.pick(members("operated", "failing", "child")),
          ask: { kind: "restart", force: random.chance(0.3) },
        });
        break;
      case "pause":
        steps.push({ at, member, ask: { kind: "pause" } }, { at: later, member, ask: { kind: "resume" } });
        break;
      case "hibernate":
        steps.push({ at, member, ask: { kind: "hibernate" } }, { at: later, member, ask: { kind: "wake" } });
        break;
      case "remove":
        steps.push({ at, member: random.pick(members("removed")), ask: { kind: "remove" } });
        break;
      default:
        steps.push({ at, member, ask: { kind: verb } });
    }
  }
  return steps;
}
