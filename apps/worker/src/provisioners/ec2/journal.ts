/**
 * What a cycle writes down before each call that changes something, and what the next attempt, or the next cycle, makes
 * of it. Pure. Never holds user data.
 */

import type { StrategyName } from "@restart-coordinator/provisioner-specs";
import type { Journal } from "../provisioner.ts";
import type { LaunchRequest } from "./api.ts";

/** A launch as it was sent, or may have been: repeated, it is repeated exactly like this. */
export interface Launch {
  /** The cycle that planned it: its user data carries that id. */
  readonly cycleId: string;
  readonly clientToken: string;
  readonly request: LaunchRequest;
  readonly userDataHash: string;
  /** When it was planned, ms since 1970 by that worker's clock. */
  readonly at: number;
}

/** An instance that this provisioner launched and that must not stay. */
export interface Discard {
  readonly id: string;
  /** When it was launched, ms since 1970. */
  readonly at: number;
}

/** What is about to be done; TERMINATING and the like mean that it may have been done. */
export type Ec2Step =
  | "CLEANING"
  | "PLANNED"
  | "TAGGING"
  | "STOPPING"
  | "DETACHING"
  | "TERMINATING"
  | "OLD_GONE"
  | "DISCARDING"
  | "LAUNCHING"
  | "LAUNCHED"
  | "ATTACHING"
  | "STARTING"
  | "REBOOTING"
  | "REPLACING_ROOT"
  | "ROOT_TASK"
  | "READY"
  | "CUTOVER"
  | "DONE";

/** "stop" is the cycle of a pause, a hibernation or a removal. */
export type Course = StrategyName | "stop";

export const STEPS: Readonly<Record<Course, readonly Ec2Step[]>> = {
  replace: [
    "CLEANING",
    "PLANNED",
    "DISCARDING",
    "LAUNCHING",
    "LAUNCHED",
    "READY",
    "CUTOVER",
    "TERMINATING",
    "OLD_GONE",
    "DONE",
  ],
  recreate: [
    ...(["CLEANING", "PLANNED", "STOPPING", "DETACHING", "TERMINATING", "OLD_GONE"] as const),
    ...(["DISCARDING", "LAUNCHING", "LAUNCHED", "ATTACHING", "READY", "CUTOVER", "DONE"] as const),
  ],
  "stop-start": ["CLEANING", "PLANNED", "TAGGING", "STOPPING", "STARTING", "READY", "DONE"],
  "replace-root": ["CLEANING", "PLANNED", "TAGGING", "STARTING", "REPLACING_ROOT", "ROOT_TASK", "READY", "DONE"],
  reboot: ["CLEANING", "PLANNED", "TAGGING", "REBOOTING", "READY", "DONE"],
  stop: ["CLEANING", "PLANNED", "STOPPING", "DETACHING", "TERMINATING", "OLD_GONE", "DONE"],
};

export interface Ec2Journal extends Journal {
  readonly provisioner: "ec2";
  readonly step: Ec2Step;
  readonly cycleId: string;
  readonly course: Course;
  /** The instance that was the workspace's when the cycle was planned. */
  readonly old?: string | undefined;
  /** How many client tokens this cycle has used for launches. */
  readonly launches: number;
  /** Kept from LAUNCHING until the launch is known to have failed, or its instance is done with. */
  readonly launch?: Launch | undefined;
  /** What it launched. */
  readonly fresh?: string | undefined;
  readonly discard: readonly Discard[];
  /** Launches of earlier cycles whose outcome nobody knows. */
  readonly inDoubt: readonly Launch[];
  /** When what must become ready was launched, started or rebooted, ms since 1970. */
  readonly since?: number | undefined;
  /** How many client tokens this cycle has used for root volumes. */
  readonly rootReplacements: number;
  readonly rootTaskId?: string | undefined;
}

/** A journal that another provisioner wrote counts as none. */
export function ec2JournalOf(journal: Journal | undefined): Ec2Journal | undefined {
  return journal?.provisioner === "ec2" ? (journal as Ec2Journal) : undefined;
}

/** Whether this step was announced: it, or what came before it, may have been done. */
export function hasReached(journal: Ec2Journal, step: Ec2Step): boolean {
  const steps = STEPS[journal.course];
  return steps.includes(step) && steps.indexOf(journal.step) >= steps.indexOf(step);
}

/** The instance that is the workspace's by what the journal says: what may be kept, and what `restart` resolves to. */
export function instanceOf(journal: Ec2Journal): string | undefined {
  return hasReached(journal, "CUTOVER") ? journal.fresh : journal.old;
}

/** The courses that keep the instance. */
export const IN_PLACE: ReadonlySet<Course> = new Set<Course>(["stop-start", "replace-root", "reboot"]);

/**
 * The first entry of a cycle, or of one that must plan anew, with what the last cycle left undone: an instance it launched and did not put into service
 * must go, and so must the one it replaced without coming to terminate it.
 */
export function startJournal(cycleId: string, course: Course, left: Ec2Journal | undefined): Ec2Journal {
  const isSame = left?.cycleId === cycleId;
  const base = {
    provisioner: "ec2",
    step: "CLEANING",
    cycleId,
    course,
    // A client token is used once: what the cycle has used stays used.
    launches: isSame ? left.launches : 0,
    rootReplacements: isSame ? left.rootReplacements : 0,
  } as const;
  if (left === undefined) return { ...base, discard: [], inDoubt: [] };
  const current = instanceOf(left);
  const others = [left.old, left.fresh].filter((id): id is string => id !== undefined && id !== current);
  const at = left.since ?? 0;
  const inDoubt = left.step === "LAUNCHING" && left.launch !== undefined ? [left.launch] : [];
  return {
    ...base,
    old: current,
    discard: [...left.discard, ...others.map((id) => ({ id, at }))],
    inDoubt: [...left.inDoubt, ...inDoubt],
  };
}
