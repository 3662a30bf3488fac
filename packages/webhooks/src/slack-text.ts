import type { EventName, RestartEvent } from "@restart-coordinator/debounce";

type Payload = Readonly<Record<string, unknown>>;

const SENTENCES: Readonly<Partial<Record<EventName, (payload: Payload) => string>>> = {
  WORKSPACE_AUTO_RESTART_FIRED: (payload) => `restarts because of ${causesOf(payload)}`,
  WORKSPACE_RESTART_COALESCED: ({ source, rule }) =>
    `${shown(source)} waits for a restart that is owed (${shown(rule)})`,
  WORKSPACE_RESTART_DROPPED: ({ source, rule }) => `${shown(source)} was dropped (${shown(rule)})`,
  WORKSPACE_RESTART_REFUSED: ({ source, rule }) => `${shown(source)} was refused (${shown(rule)})`,
  WORKSPACE_RESTARTING_MID_WRITE: () => "was written to while it restarted",
  WORKSPACE_PROVISIONING: ({ attempt, how }) => `is being restarted, attempt ${shown(attempt)} (${shown(how)})`,
  WORKSPACE_ONLINE: ({ durationMs: took }) =>
    `is online${typeof took === "number" ? ` after ${Math.round(took / 1_000)} s` : ""}`,
  WORKSPACE_OFFLINE: () => "was stopped",
  WORKSPACE_RESTART_FAILED: ({ error, attempt }) =>
    `:x: could not be restarted, attempt ${shown(attempt)}: ${shown(error)}`,
  WORKSPACE_RESTART_DECLINED: ({ error }) => `was not restarted, the old instance lives: ${shown(error)}`,
  WORKSPACE_RESTART_STILL_DECLINED: ({ declines, error }) =>
    `:warning: was declined ${shown(declines)} times in a row, the old instance lives: ${shown(error)}`,
  WORKSPACE_RESTART_CANCELED: ({ actor }) => `has its restart canceled${by(actor)}`,
  WORKSPACE_RESTART_FLUSHED: ({ actor }) => `is to be restarted now${by(actor)}`,
  WORKSPACE_PAUSED: ({ desired, actor }) => `is to be ${shown(desired)}${by(actor)}`,
  WORKSPACE_RESUMED: ({ actor }) => `is to run again${by(actor)}`,
  WORKSPACE_HELD: ({ actor, reason }) => `is held${by(actor)}${reason ? `: ${shown(reason)}` : ""}`,
  WORKSPACE_RELEASED: ({ actor }) => `is released${by(actor)}`,
  WORKSPACE_REMOVED: () => "was removed",
  REDIS_CAME_BACK_EMPTY: () => ":x: are forgotten: Redis came back empty. They must be registered again",
  CLOCK_SET_BACK: ({ byMs }) => `:warning: wait as long as before: Redis' clock was set back by ${shown(byMs)} ms`,
};

const counts = ({ done, total, failed }: Payload): string =>
  `${shown(done)} of ${shown(total)} done${Number(failed) > 0 ? `, ${shown(failed)} failed` : ""}`;
const stopped = ({ stoppedBy, actor, reason }: Payload): string =>
  `by ${shown(actor || stoppedBy)}${reason ? `: ${shown(reason)}` : ""}`;

const OF_ROLLOUTS: Readonly<Record<string, (payload: Payload) => string>> = {
  ROLLOUT_STARTED: (payload) => `started: ${counts(payload)}`,
  ROLLOUT_CANARIES_PASSED: (payload) => `goes on after its canaries: ${counts(payload)}`,
  ROLLOUT_WORKSPACE_SETTLED: (payload) => `${shown(payload.status)}: ${counts(payload)}`,
  ROLLOUT_PAUSED: (payload) => `:warning: paused ${stopped(payload)}; ${counts(payload)}`,
  ROLLOUT_RESUMED: (payload) => `goes on${by(payload.actor)}: ${counts(payload)}`,
  ROLLOUT_ABORTED: (payload) => `:x: aborted ${stopped(payload)}; ${counts(payload)}`,
  ROLLOUT_FINISHED: (payload) => `${shown(payload.state)}: ${counts(payload)}`,
};

/** A line a person can read. What others wrote into it can neither link nor mention anybody. */
export function slackText({ event, workspace_id, payload }: RestartEvent): string {
  if (payload.rollout !== undefined) {
    const subject = [workspace_id, `rollout ${shown(payload.rollout)}`].filter(Boolean).join(" in ");
    return `*${subject}* ${Object.hasOwn(OF_ROLLOUTS, event) ? OF_ROLLOUTS[event]?.(payload) : shown(event)}`;
  }
  const sentence = Object.hasOwn(SENTENCES, event) ? SENTENCES[event as EventName]?.(payload) : undefined;
  return `*${workspace_id || "All workspaces"}* ${sentence ?? shown(event)}`;
}

function causesOf({ covers, because }: Payload): string {
  const sources = Array.isArray(covers) ? (covers as { source?: unknown; count?: unknown }[]) : [];
  const list = sources.slice(0, 5).map(({ source, count }) => `${shown(count)} ${shown(source)}`);
  const more = sources.length > 5 ? ` and ${sources.length - 5} more` : "";
  return list.length === 0 ? shown(because) : `${list.join(", ")}${more} (${shown(because)})`;
}

function by(actor: unknown): string {
  return actor ? ` by ${shown(actor)}` : "";
}

function shown(value: unknown): string {
  const text = String(value ?? "?").slice(0, 300);
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
