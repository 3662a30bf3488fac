import { useEffect, useRef, useState } from "preact/hooks";
import { type AskError, get, post } from "../api.ts";
import { nowSeconds } from "../clock.ts";
import { ROLLOUT_EVENTS } from "../event-names.ts";
import { follow } from "../live.ts";
import { Message } from "../parts/message.tsx";
import { Moment } from "../parts/moment.tsx";
import { Progress } from "../parts/progress.tsx";
import { toast } from "../parts/toasts.tsx";
import { paceOf, whomWords } from "../rollout-plan.ts";
import { linkTo } from "../router.ts";
import { may } from "../session.ts";
import { durationOf } from "../times.ts";
import type { Member, Rollout } from "../types.ts";
import { RULES } from "../words.ts";

type Whole = Rollout & { readonly members: readonly Member[] };

const MOST_MEMBERS = 1_000;
const LOOK_AGAIN_AFTER_MS = 300;
const ORDER = ["failed", "running", "done", "skipped", "waiting"];

export function RolloutPage({ id }: { id: string }) {
  const [rollout, setRollout] = useState<Whole>();
  const [error, setError] = useState<AskError>();
  const path = `/rollouts/${encodeURIComponent(id)}`;
  const look = (): void =>
    void get<Whole>(`${path}?limit=${MOST_MEMBERS}`).then((found) => {
      setRollout(found);
      setError(undefined);
    }, setError);
  useEffect(() => {
    document.title = "Rollout · restart-coordinator";
    look();
    let soon: ReturnType<typeof setTimeout> | undefined;
    const lookSoon = (): void => {
      soon ??= setTimeout(() => {
        soon = undefined;
        look();
      }, LOOK_AGAIN_AFTER_MS);
    };
    const unfollow = follow({
      path: `/events?event=${ROLLOUT_EVENTS.join(",")}`,
      events: ROLLOUT_EVENTS,
      onEvent: lookSoon,
      onGap: look,
    });
    return () => {
      clearTimeout(soon);
      unfollow();
    };
  }, [id]);

  if (rollout === undefined) {
    if (error === undefined) return <Message kind="loading" title="Looking at the rollout" />;
    return (
      <Message
        kind={error.status === 404 ? "empty" : "error"}
        title={error.status === 404 ? "There is no such rollout" : "The rollout cannot be shown now"}
        action={{ text: "All rollouts", href: linkTo.rollouts() }}
      >
        {error.message}
      </Message>
    );
  }
  const { state, counts, stopped, canaries, reason, actor, createdAt, maxConcurrent } = rollout;
  const now = nowSeconds.value;
  const pace = state === "running" ? paceOf(rollout, rollout.members, now) : undefined;
  return (
    <article class="page medium">
      <header class="title">
        <div>
          <p class="eyebrow">
            <a href={linkTo.rollouts()}>Rollouts</a>
          </p>
          <h1>{reason ?? "Rollout"}</h1>
          <p class="state">
            <span class={`rollout-state ${state}`}>{state}</span>
            <span>{whomWords(rollout)}</span>
            <span>{maxConcurrent} at a time</span>
            <span>
              by {actor}, <Moment at={createdAt} now={now} />
            </span>
          </p>
        </div>
        {may("operate") && <Steering rollout={rollout} path={path} onDone={look} />}
      </header>
      <section class="card" aria-label="Progress">
        <Progress counts={counts} />
        <p class="note pace">
          {pace !== undefined &&
            `${pace.perMinute.toFixed(1)} a minute${pace.leftMs === undefined ? "" : `, about ${durationOf(pace.leftMs)} left`}. `}
          {canaries.count > 0 &&
            (canaries.passed ? "The canaries have passed. " : `${canaries.count} canaries come first. `)}
          {stopped !== null &&
            `${state === "paused" ? "Paused" : "Stopped"} by ${stopped.actor ?? stopped.by}${stopped.reason === null ? "" : `: ${stopped.reason}`}.`}
        </p>
      </section>
      <section aria-labelledby="members">
        <h2 id="members">Members</h2>
        <Members members={rollout.members} />
      </section>
    </article>
  );
}

function Members({ members }: { members: readonly Member[] }) {
  const sorted = members.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  return (
    <ul class="members">
      {sorted.map(({ workspaceId, status, startedAt, endedAt, error, rule }) => (
        <li key={workspaceId} class={status}>
          <a href={linkTo.workspace(workspaceId)}>{workspaceId}</a>
          <span class="status">{status}</span>
          <span class="why">
            {error ?? (rule === null ? "" : (RULES[rule] ?? rule))}
            {error === null &&
              startedAt !== null &&
              endedAt !== null &&
              durationOf(Date.parse(endedAt) - Date.parse(startedAt))}
          </span>
        </li>
      ))}
    </ul>
  );
}

const VERBS = {
  pause: { name: "Pause", effect: "No further workspace starts; those under way end." },
  resume: { name: "Resume", effect: "It goes on where it stopped. The failures so far are forgiven." },
  abort: { name: "Abort", effect: "It ends for good. Those under way end by themselves; who waits is not restarted." },
} as const;

function Steering({ rollout, path, onDone }: { rollout: Rollout; path: string; onDone: () => void }) {
  const [verb, setVerb] = useState<keyof typeof VERBS>();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (verb !== undefined) dialog.current?.showModal();
  }, [verb]);
  const { state, counts } = rollout;
  const isActive = state === "preparing" || state === "running" || state === "paused";
  if (!isActive) return null;
  const carryOut = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      const answer = await post<Rollout>(`${path}/${verb}`);
      toast("good", `The rollout is ${answer.state}.`);
    } catch (failure) {
      toast("bad", (failure as AskError).message);
    }
    dialog.current?.close();
    onDone();
  };
  const offered = state === "paused" ? (["resume", "abort"] as const) : (["pause", "abort"] as const);
  return (
    <fieldset class="actions" aria-label="Actions">
      {offered.map((each) => (
        <button key={each} type="button" class={each === "abort" ? "" : "primary"} onClick={() => setVerb(each)}>
          {VERBS[each].name}
        </button>
      ))}
      {verb !== undefined && (
        <dialog ref={dialog} aria-labelledby="question" onClose={() => setVerb(undefined)}>
          <form onSubmit={(event) => void carryOut(event)}>
            <h2 id="question">{VERBS[verb].name} the rollout?</h2>
            <p>{VERBS[verb].effect}</p>
            {verb === "abort" && (
              <p class="warns">{counts.waiting.toLocaleString("en")} workspaces are not restarted by it any more.</p>
            )}
            <div class="buttons">
              <button type="button" onClick={() => dialog.current?.close()}>
                Leave it
              </button>
              <button type="submit" class={verb === "abort" ? "primary danger" : "primary"}>
                {VERBS[verb].name}
              </button>
            </div>
          </form>
        </dialog>
      )}
    </fieldset>
  );
}
