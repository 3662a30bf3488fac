/**
 * The trigger as a typed call: judged by the script that knows all the rules, or only counted by a short one where a
 * claimed window drops it anyway.
 */
import { ClaimedWindows } from "./claimed-windows.ts";
import { NotReplicatedError } from "./errors.ts";
import type { KeyRole } from "./keys.ts";
import type { Policy } from "./policy.ts";
import { chosenFrom, flag, ownArguments, sourceArguments } from "./script-arguments.ts";
import type { ScriptCalls } from "./script-calls.ts";
import { optionalNumber, windowOf } from "./script-replies.ts";
import type { KeyOf, ScriptArguments } from "./scripts.ts";
import type { TriggerCall, TriggerReply, WindowFacts } from "./transition-types.ts";
import type { Decision, Rule } from "./vocabulary.ts";

export class Triggering {
  readonly #calls: ScriptCalls;
  /** What calls share, by what it is made of: the same object for the same, which makes it quick to see. */
  readonly #judged = new WeakMap<Policy, Map<string, ScriptArguments>>();
  readonly #suppressed = new Map<string, ScriptArguments>();
  readonly #windows = new ClaimedWindows();

  constructor(calls: ScriptCalls) {
    this.#calls = calls;
  }

  /** @throws NotReplicatedError when too few replicas have it: it may be carried out, or lost */
  trigger(call: TriggerCall): Promise<TriggerReply> {
    const windowMs = plainWindowOf(call);
    if (windowMs === undefined) return this.#judge(call);
    const key = `${call.source} ${call.id}`;
    if (!this.#windows.isClaimed(key, call.now)) return this.#judgeAndRemember(call, key);
    return this.#suppress(call, windowMs).then((suppressed) => {
      if (suppressed !== undefined) return suppressed;
      this.#windows.missed(key);
      return this.#judgeAndRemember(call, key);
    });
  }

  async #judgeAndRemember(call: TriggerCall, key: string): Promise<TriggerReply> {
    const reply = await this.#judge(call);
    if (reply.kind === "judged" && isDroppedByWindow(reply)) {
      this.#windows.heard(key, reply.window.claimedAt + reply.window.windowMs, reply.now);
    }
    return reply;
  }

  /** Undefined where only a judgement can tell. */
  async #suppress(call: TriggerCall, windowMs: number): Promise<TriggerReply | undefined> {
    const { script, settings, keys, answered } = this.#calls;
    const { id, source, count, nonce } = call;
    const { reply, isReplicated, isAgain } = await answered("suppress", () =>
      script.together("suppress", {
        group: keys.tagFor(id),
        keyOf: keys.keysOf(id) as KeyOf,
        shared: this.#suppressArguments(call),
        own: { count },
        // Another one than the judgement's, which may have to follow.
        nonce: nonce === "" ? "" : `${nonce}~`,
      }),
    );
    if (reply[0] === "judge") return undefined;
    if (!isReplicated) throw new NotReplicatedError();
    const now = Number(reply[4]);
    settings.observer?.judged?.({ workspaceId: id, at: now, duringCycle: false, source, count, ...BY_WINDOW });
    return {
      kind: isAgain ? "replayed" : "judged",
      first: BY_WINDOW.first,
      rest: BY_WINDOW.rest,
      generation: Number(reply[1]),
      dueAt: undefined,
      hintId: undefined,
      running: false,
      now,
      nonce,
      window: { claimedAt: Number(reply[2]) - windowMs, windowMs, suppressed: Number(reply[3]), claimed: false },
    };
  }

  #suppressArguments({ source, now }: TriggerCall): ScriptArguments {
    if (now !== undefined) return { source, now };
    const known = this.#suppressed.get(source);
    if (known !== undefined) return known;
    const shared = { source, now: "" };
    this.#suppressed.set(source, shared);
    return shared;
  }

  async #judge(call: TriggerCall): Promise<TriggerReply> {
    const keys = this.#calls.keys.keysOf(call.id);
    const keyOf = (role: KeyRole) => (role === "window" ? this.#calls.keys.window(call.source, call.id) : keys(role));
    const own = ownArguments(call);
    const shared = this.#sharedArguments(call);
    // One that is remembered for a day is remembered by itself.
    const isAlone = call.idempotencyKey !== undefined;
    const { reply, isReplicated, isAgain } = await this.#calls.answered("trigger", () =>
      isAlone
        ? this.#calls.script.replicated("trigger", keyOf, { ...shared, ...own, nonce: call.nonce })
        : this.#calls.script.together("trigger", {
            group: this.#calls.keys.tagFor(call.id),
            keyOf,
            shared,
            own,
            nonce: call.nonce,
          }),
    );
    const nonce = String(reply[10]) || call.nonce;
    if (!isReplicated) throw new NotReplicatedError();
    if (reply[0] === "conflict") return { kind: "conflict" };
    const first = { decision: reply[1] as Decision, rule: reply[2] as Rule };
    const rest = { decision: reply[3] as Decision, rule: reply[4] as Rule };
    // A resent command finds its own receipt: that is its first answer. Another call's was told when that was answered.
    if (nonce === call.nonce) {
      const { observer } = this.#calls.settings;
      const seen = { workspaceId: call.id, at: Number(reply[9]), duringCycle: Number(reply[8]) === 1 };
      observer?.judged?.({ ...seen, source: call.source, count: call.count, first, rest });
      if (Number(reply[11]) === 1) observer?.ended?.("superseded");
    }
    return {
      kind: isAgain ? "replayed" : (reply[0] as "judged" | "replayed"),
      first,
      rest,
      generation: Number(reply[5]),
      dueAt: optionalNumber(reply[6]),
      hintId: isAgain || reply[7] === "" ? undefined : String(reply[7]),
      running: Number(reply[8]) === 1,
      now: Number(reply[9]),
      nonce,
      window: windowOf(reply),
    };
  }

  /** What triggers of a source have in common. */
  #sharedArguments(call: TriggerCall): ScriptArguments {
    const { choice, source, now, idempotencyKey, idempotencyBody } = call;
    const isUsual = choice.alternatives.length === 0 && now === undefined && idempotencyKey === undefined;
    const known = isUsual ? this.#judged.get(choice.otherwise) : undefined;
    const name = `${source} ${call.write} ${call.onHold}`;
    const found = known?.get(name);
    if (found !== undefined) return found;
    const shared = {
      source,
      ...chosenFrom(choice, (policy) => sourceArguments(policy, source)),
      write: flag(call.write),
      onHold: call.onHold,
      idempotencyKey: idempotencyKey ?? "",
      idempotencyBody: idempotencyBody ?? "",
      activityTtlMs: this.#calls.settings.activityTtlMs,
      now: now ?? "",
    };
    if (isUsual) this.#judged.set(choice.otherwise, (known ?? new Map()).set(name, shared));
    return shared;
  }
}

const BY_WINDOW = {
  first: { decision: "dropped", rule: "window" },
  rest: { decision: "dropped", rule: "window" },
} as const;

/** The window of a trigger that a claimed one may drop without a judgement, ms; undefined where it may not. */
function plainWindowOf({ choice, source, onHold, idempotencyKey }: TriggerCall): number | undefined {
  const policy = choice.otherwise.sources[source];
  const isPlain = choice.alternatives.length === 0 && onHold === "queue" && idempotencyKey === undefined;
  if (!isPlain || policy === undefined || policy.trailing || policy.running === "drop") return undefined;
  return policy.windowMs === 0 ? undefined : policy.windowMs;
}

type Judged = Exclude<TriggerReply, { kind: "conflict" }>;

function isDroppedByWindow(reply: Judged): reply is Judged & { window: WindowFacts } {
  const { decision, rule } = reply.rest;
  return decision === "dropped" && rule === "window" && !reply.running && reply.window !== undefined;
}
