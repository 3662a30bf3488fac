/** What can be done to a workspace as it stands: by whom, and what it will do now. Pure. */

import { clockOf, countdownOf } from "./times.tsx";
import type { Scope, Workspace } from "./types.ts";
import { plural, whatHappened } from "./words.ts";

export type Verb = "restart" | "flush" | "hold" | "release" | "cancel" | "pause" | "resume" | "hibernate" | "wake";

export interface Action {
  readonly verb: Verb;
  readonly name: string;
  readonly scope: Scope;
  /** What it will do now, in this state. */
  readonly effect: string;
  /** Something is interrupted or lost: it is asked back in these words. */
  readonly confirm: string | undefined;
  /** What may be said along with it. */
  readonly asks: readonly ("reason" | "expiry")[];
  /** It overrides a hold. */
  readonly force?: true;
}

/** Those that the state allows, the most likely first. `now` by the server's clock, ms. */
export function actionsFor(workspace: Workspace, now: number): Action[] {
  const { status, restart } = workspace;
  if (status === "external" || status === "removing") return [];
  const { phase, why, heldUntil } = restart;
  const isHeld = heldUntil !== null;
  const isStopped = status === "paused" || status === "hibernated";
  const owed = why.reduce((sum, { count }) => sum + count, 0);
  const isRunning = phase === "running";
  const actions: (Action | false)[] = [
    isStopped && {
      ...{
        verb: status === "paused" ? "resume" : "wake",
        name: status === "paused" ? "Resume" : "Wake",
        scope: "operate",
      },
      effect: `A cycle starts it again now${owed > 0 ? `, and covers ${plural(owed, "trigger that is", "triggers that are")} owed` : ""}. Restarts are allowed from then on.`,
      ...{ confirm: undefined, asks: ["reason"] },
    },
    !isStopped && {
      verb: "restart",
      name: isHeld ? "Restart in spite of the hold" : "Restart",
      scope: "trigger",
      effect: restartEffect(workspace, now),
      confirm: isRunning ? undefined : interrupts(status),
      asks: ["reason"],
      ...(isHeld && { force: true as const }),
    },
    !isStopped &&
      !isHeld &&
      !isRunning &&
      owed > 0 && {
        ...{ verb: "flush", name: "Start what is owed", scope: "operate" },
        effect: `${covered(workspace)} is due now instead of ${dueWords(workspace, now)}: window, cooldown and backoff are not waited for.`,
        ...{ confirm: interrupts(status), asks: [] },
      },
    isHeld
      ? {
          ...{ verb: "release", name: "Release", scope: "operate" },
          effect:
            owed > 0
              ? `The hold ends now. ${plural(owed, "owed trigger", "owed triggers")} may start a restart at once.`
              : "The hold ends now. Nothing is owed, so nothing starts.",
          ...{ confirm: undefined, asks: [] },
        }
      : !isStopped && {
          ...{ verb: "hold", name: "Hold", scope: "operate" },
          effect: `No restart starts until the hold ends; triggers pile up meanwhile and are covered then.${isRunning ? " The one that runs goes on." : ""}`,
          ...{ confirm: undefined, asks: ["expiry", "reason"] },
        },
    isHeld && {
      ...{ verb: "hold", name: "Hold longer", scope: "operate" },
      effect: "The hold that is there is replaced by a new one.",
      ...{ confirm: undefined, asks: ["expiry", "reason"] },
    },
    (owed > 0 || isRunning || phase === "backoff") && {
      ...{ verb: "cancel", name: "Cancel", scope: "operate" },
      effect: cancelEffect(workspace, owed),
      confirm:
        owed > 0
          ? `No restart covers ${whatHappened(why)} any more, unless something new comes.`
          : "The restart under way is asked to stop.",
      asks: ["reason"],
    },
    status !== "paused" && {
      ...{ verb: "pause", name: "Pause", scope: "operate" },
      effect: `A cycle stops it, and restarts are refused until it is resumed.${owed > 0 ? " What is owed is kept, and covered by the cycle that resumes it." : ""}`,
      ...{ confirm: "It does not serve anybody until it is resumed.", asks: ["reason"] },
    },
    !isStopped && {
      ...{ verb: "hibernate", name: "Hibernate", scope: "operate" },
      effect: "A cycle stops it until it is woken. Restarts are refused meanwhile; its descendants go on.",
      ...{ confirm: "It does not serve anybody until it is woken.", asks: ["reason"] },
    },
  ];
  return actions.filter((action) => action !== false) as Action[];
}

function restartEffect({ restart }: Workspace, now: number): string {
  const { phase, why, dueAt } = restart;
  const owed = why.length === 0 ? "" : ` It covers what is owed, too: ${whatHappened(why)}.`;
  if (phase === "running")
    return `A restart runs, and is not interrupted. Another one follows as soon as it has ended.${owed}`;
  if (phase === "backoff")
    return `The cycle that waits for its retry ends as superseded; a new one starts now and covers both.${owed}`;
  if (phase === "failed") return `A new attempt starts now, and the failures are forgotten.${owed}`;
  if (phase === "held") return `It starts now, in spite of the hold, which stays.${owed}`;
  if (dueAt !== null && Date.parse(dueAt) > now) {
    return `It starts now instead of in ${countdownOf(Date.parse(dueAt) - now)}, whatever the window and the cooldown say.${owed}`;
  }
  return `It starts now, whatever the window and the cooldown say.${owed}`;
}

function cancelEffect({ restart }: Workspace, owed: number): string {
  const parts = [
    owed > 0 && `${plural(owed, "owed trigger is", "owed triggers are")} dropped.`,
    restart.phase === "running" &&
      "The restart under way is asked to stop at its next safe point; if it is past the last one, it ends as it would have.",
    restart.phase === "backoff" && "The retry that is waited for does not come.",
  ];
  return parts.filter(Boolean).join(" ");
}

function covered({ restart }: Workspace): string {
  const text = whatHappened(restart.why);
  return `A restart that covers what is owed (${text})`;
}

function dueWords({ restart }: Workspace, now: number): string {
  if (restart.dueAt === null) return "never";
  const at = Date.parse(restart.dueAt);
  return at <= now ? "when a worker takes it" : `at ${clockOf(at)}`;
}

function interrupts(status: string): string | undefined {
  return status === "online" ? "It is online: whoever works in it is interrupted until it is ready again." : undefined;
}
