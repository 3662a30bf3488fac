/** A cycle's begin and end and what keeps its lease in between, as typed calls. */

import type { KeyRole } from "./keys.ts";
import type { Policy, RetryPolicy } from "./policy.ts";
import { beginArguments, chosenFrom, endArguments, flag, stepsJson } from "./script-arguments.ts";
import type { ScriptCalls } from "./script-calls.ts";
import { begunOf, optionalNumber } from "./script-replies.ts";
import type { KeyOf, ScriptArguments } from "./scripts.ts";
import type { BeginCall, BeginReply, EndCall, EndReply, LeaseCall, LeaseReply } from "./transition-types.ts";

export class Cycling {
  readonly #calls: ScriptCalls;
  /** What calls share, by what it is made of: the same object for the same, which makes it quick to see. */
  readonly #begun = new WeakMap<Policy, ScriptArguments>();
  readonly #ended = new WeakMap<
    RetryPolicy,
    { readonly budget: EndCall["budget"]; readonly shared: ScriptArguments }
  >();

  constructor(calls: ScriptCalls) {
    this.#calls = calls;
  }

  async begin(call: BeginCall): Promise<BeginReply> {
    const { keys, script, answered } = this.#calls;
    const { id, owner } = call;
    const { reply, isReplicated } = await answered("begin", () =>
      script.together("begin", {
        group: keys.tagFor(id),
        keyOf: keys.keysOf(id) as KeyOf,
        shared: this.#sharedByBegins(call),
        own: { id, owner },
      }),
    );
    switch (reply[0]) {
      case "idle":
        return { kind: "idle" };
      case "busy":
        return { kind: "busy", leaseEndsAt: Number(reply[1]) };
      case "not-due":
        return { kind: "not-due", dueAt: Number(reply[1]), hintId: String(reply[2]), now: Number(reply[3]) };
      default:
        return begunOf(reply, isReplicated);
    }
  }

  #sharedByBegins({ choice, now }: BeginCall): ScriptArguments {
    const isUsual = choice.alternatives.length === 0 && now === undefined;
    const known = isUsual ? this.#begun.get(choice.otherwise) : undefined;
    if (known !== undefined) return known;
    const { leaseMs, activityTtlMs } = this.#calls.settings;
    const shared = { leaseMs, ...chosenFrom(choice, beginArguments), activityTtlMs, now: now ?? "" };
    if (isUsual) this.#begun.set(choice.otherwise, shared);
    return shared;
  }

  renew(call: LeaseCall): Promise<LeaseReply> {
    return this.#keep("renew", call, {});
  }

  journal(call: LeaseCall & { readonly journal: string }): Promise<LeaseReply> {
    return this.#keep("journal", call, { journal: call.journal });
  }

  async #keep(write: "renew" | "journal", call: LeaseCall, more: ScriptArguments): Promise<LeaseReply> {
    const { keys, script, settings, answered } = this.#calls;
    const keyOf = (role: KeyRole) => keys.forWorkspace(role as Exclude<KeyRole, "window">, call.id);
    const reply = await answered(write, () =>
      script(write, keyOf, {
        id: call.id,
        fence: call.fencingToken,
        leaseMs: settings.leaseMs,
        steps: stepsJson(call.steps),
        now: call.now ?? "",
        ...more,
      }),
    );
    if (reply[0] === "lost") {
      settings.observer?.fenced?.(write);
      return { kind: "lost" };
    }
    return { kind: "held", leaseEndsAt: Number(reply[1]), stopAsked: reply[2] === 1 };
  }

  async end(call: EndCall): Promise<EndReply> {
    const { keys, script, settings, answered } = this.#calls;
    const { reply } = await answered("end", () =>
      script.together("end", {
        group: keys.tagFor(call.id),
        keyOf: keys.keysOf(call.id) as KeyOf,
        shared: this.#sharedByEnds(call),
        own: {
          id: call.id,
          fence: call.fencingToken,
          outcome: call.outcome,
          retryable: flag(call.retryable ?? true),
          error: call.error ?? "",
          instance: call.instance === undefined ? "" : JSON.stringify(call.instance),
          jitter: call.jitter,
          steps: stepsJson(call.steps),
        },
        nonce: call.nonce ?? "",
      }),
    );
    if (reply[0] === "lost") {
      settings.observer?.fenced?.("end");
      return { kind: "lost" };
    }
    const what = reply[1] as (EndReply & { kind: "ended" })["what"];
    return { kind: "ended", what, dueAt: optionalNumber(reply[2]), durationMs: Number(reply[3]) };
  }

  #sharedByEnds({ retry, budget, pauseMs = 0, now }: EndCall): ScriptArguments {
    const isUsual = pauseMs === 0 && now === undefined;
    const known = isUsual ? this.#ended.get(retry) : undefined;
    if (known !== undefined && known.budget === budget) return known.shared;
    const { activityTtlMs } = this.#calls.settings;
    const shared = { ...endArguments(retry, budget), pauseMs, activityTtlMs, now: now ?? "" };
    if (isUsual) this.#ended.set(retry, { budget, shared });
    return shared;
  }
}
