/** A cycle's begin and end and what keeps its lease in between, as typed calls. */
import type { ScriptArguments, ScriptReply } from "@restart-coordinator/redis-scripts";
import type { KeyRole, KeySpace } from "../keys.ts";
import { coversIn } from "../triggers/why.ts";
import { beginArguments, endArguments, flag, stepsJson } from "./script-arguments.ts";
import type { CoordinatorScripts } from "./scripts.ts";
import type {
  BeginCall,
  BeginReply,
  BegunReply,
  EndCall,
  EndReply,
  LeaseCall,
  LeaseReply,
  TransitionSettings,
} from "./types.ts";

export class Cycling {
  readonly #scripts: CoordinatorScripts;
  readonly #keys: KeySpace;
  readonly #settings: TransitionSettings;

  constructor(scripts: CoordinatorScripts, keys: KeySpace, settings: TransitionSettings) {
    this.#scripts = scripts;
    this.#keys = keys;
    this.#settings = settings;
  }

  async begin(call: BeginCall): Promise<BeginReply> {
    const { id, owner } = call;
    const reply = await this.#scripts.together("begin", {
      ...this.#placeOf(id),
      shared: beginArguments(call, this.#settings),
      own: { id, owner },
    });
    switch (reply.kind) {
      case "idle":
        if (reply.flag("vanished")) this.#settings.observer?.stateVanished?.(id);
        return { kind: "idle" };
      case "busy":
        return { kind: "busy", leaseEndsAt: reply.number("leaseEndsAt") };
      case "not-due": {
        const [dueAt, now] = [reply.number("dueAt"), reply.number("now")];
        return { kind: "not-due", dueAt, hintId: reply.text("hintId"), now };
      }
      default:
        return begunOf(reply);
    }
  }

  renew(call: LeaseCall): Promise<LeaseReply> {
    return this.#keep("renew", call, {});
  }

  journal(call: LeaseCall & { readonly journal: string }): Promise<LeaseReply> {
    return this.#keep("journal", call, { journal: call.journal });
  }

  async #keep(write: "renew" | "journal", call: LeaseCall, more: ScriptArguments): Promise<LeaseReply> {
    const { id, fencingToken: fence, steps, now = "" } = call;
    const args = { id, fence, leaseMs: this.#settings.leaseMs, steps: stepsJson(steps), now, ...more };
    const reply = await this.#scripts.run(write, this.#placeOf(id).keyOf, args);
    if (reply.kind === "lost") return this.#fenced(write);
    return { kind: "held", leaseEndsAt: reply.number("leaseEndsAt"), stopAsked: reply.flag("stopAsked") };
  }

  async end(call: EndCall): Promise<EndReply> {
    const {
      id,
      fencingToken: fence,
      outcome,
      retryable = true,
      error = "",
      instance,
      jitter,
      steps,
      specUsed = "",
      specSha = "",
      nonce = "",
    } = call;
    const reply = await this.#scripts.together("end", {
      ...this.#placeOf(id),
      shared: endArguments(call, this.#settings),
      own: {
        id,
        fence,
        outcome,
        retryable: flag(retryable),
        error,
        instance: instance === undefined ? "" : JSON.stringify(instance),
        jitter,
        steps: stepsJson(steps),
        specUsed,
        specSha,
      },
      nonce,
    });
    if (reply.kind === "lost") return this.#fenced("end");
    const what = reply.text("what") as (EndReply & { kind: "ended" })["what"];
    return {
      kind: "ended",
      what,
      dueAt: reply.optionalNumber("dueAt"),
      durationMs: reply.number("durationMs"),
      stillDeclined: reply.flag("stillDeclined"),
    };
  }

  #fenced(write: "renew" | "journal" | "end"): { readonly kind: "lost" } {
    this.#settings.observer?.fenced?.(write);
    return { kind: "lost" };
  }

  #placeOf(id: string): { readonly group: string; readonly keyOf: (role: KeyRole) => string } {
    return { group: this.#keys.tagFor(id), keyOf: this.#keys.keysOf(id) as (role: KeyRole) => string };
  }
}

function begunOf(reply: ScriptReply): BegunReply {
  return {
    kind: "begun",
    how: reply.text("how") as BegunReply["how"],
    cycleId: reply.text("cycle"),
    generation: reply.number("generation"),
    attempt: reply.number("attempt"),
    fencingToken: reply.number("fence"),
    action: reply.text("action") as BegunReply["action"],
    startedAt: reply.number("startedAt"),
    leaseEndsAt: reply.number("leaseEndsAt"),
    askedAt: reply.number("askedAt"),
    journal: reply.optionalText("journal"),
    stopAsked: reply.flag("stopAsked"),
    now: reply.number("now"),
    workspace: reply.record("workspace"),
    covers: coversIn(reply.text("covers")),
    leftover: reply.optionalText("leftover"),
    trace: reply.optionalText("trace"),
    isReplicated: reply.isReplicated,
  };
}
