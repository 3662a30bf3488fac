import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type AskError, get, post } from "../api.ts";
import { nowSeconds } from "../clock.ts";
import { ROLLOUT_EVENTS } from "../event-names.ts";
import { FleetLines } from "../fleet-lines.ts";
import { choices } from "../fleet-query.ts";
import { follow } from "../live.ts";
import { Message } from "../parts/message.tsx";
import { Moment } from "../parts/moment.tsx";
import { Progress } from "../parts/progress.tsx";
import { FIRST_PLAN, membersOf, type Plan, requestOf, whomWords } from "../rollout-plan.ts";
import { linkTo } from "../router.ts";
import { may } from "../session.ts";
import type { Rollout } from "../types.ts";

export function RolloutsPage() {
  const [rollouts, setRollouts] = useState<readonly Rollout[]>();
  const [error, setError] = useState<AskError>();
  const [isPlanning, setPlanning] = useState(false);
  const look = (): void =>
    void get<{ rollouts: Rollout[] }>("/rollouts?limit=100").then((page) => {
      setRollouts(page.rollouts);
      setError(undefined);
    }, setError);
  useEffect(() => {
    document.title = "Rollouts · restart-coordinator";
    look();
    const path = `/events?event=${ROLLOUT_EVENTS.join(",")}`;
    return follow({ path, events: ROLLOUT_EVENTS, onEvent: look, onGap: look });
  }, []);

  if (rollouts === undefined) {
    if (error === undefined) return <Message kind="loading" title="Looking at the rollouts" />;
    return (
      <Message kind="error" title="The rollouts cannot be shown now" action={{ text: "Try again", run: look }}>
        {error.message}
      </Message>
    );
  }
  return (
    <article class="page medium">
      <header class="title">
        <h1>Rollouts</h1>
        {may("operate") && !isPlanning && (
          <button type="button" class="primary" onClick={() => setPlanning(true)}>
            Restart many workspaces
          </button>
        )}
      </header>
      {isPlanning && <Planner onClose={() => setPlanning(false)} />}
      {rollouts.length === 0 ? (
        <p class="note">
          None yet, or longer ago than is kept. A rollout restarts many workspaces, canaries first, some at a time.
        </p>
      ) : (
        <ul class="rollouts">
          {rollouts.map((rollout) => (
            <li key={rollout.id}>
              <a href={linkTo.rollout(rollout.id)}>
                <span class={`rollout-state ${rollout.state}`}>{rollout.state}</span>
                <span class="what">
                  <b>{rollout.reason ?? "No reason given"}</b> {whomWords(rollout)}
                </span>
                <small>
                  by {rollout.actor}, <Moment at={rollout.createdAt} now={nowSeconds.value} />
                </small>
                <Progress counts={rollout.counts} />
              </a>
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}

const SHOWN_OF_ORDER = 12;

/** Makes a rollout: whom it concerns is counted, and shown in its order, while it is chosen. */
function Planner({ onClose }: { onClose: () => void }) {
  const [plan, setPlan] = useState<Plan>(FIRST_PLAN);
  const [error, setError] = useState("");
  const [isAsking, setAsking] = useState(false);
  const store = useRef<FleetLines | undefined>(undefined);
  store.current ??= new FleetLines();
  const lines = store.current.all.value;
  const isComplete = store.current.isComplete.value;
  useEffect(() => {
    store.current?.load().catch((failure: AskError) => setError(failure.message));
  }, []);
  const { runtimes, tags } = useMemo(() => choices(lines), [lines]);
  const statuses = useMemo(() => [...new Set(lines.map(({ status }) => status))].sort(), [lines]);
  const members = useMemo(() => membersOf(plan, lines), [plan, lines]);
  const change = (part: Partial<Plan>): void => setPlan((before) => ({ ...before, ...part }));

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setAsking(true);
    try {
      const { id } = await post<Rollout>("/rollouts", requestOf(plan));
      location.hash = linkTo.rollout(id);
    } catch (failure) {
      setError((failure as AskError).message);
      setAsking(false);
    }
  };
  const number = (
    label: string,
    field: "maxConcurrent" | "splaySeconds" | "canaries" | "pauseOnFailure",
    min: number,
    max: number,
    note: string,
  ) => (
    <label>
      {label}
      <input
        type="number"
        min={min}
        max={max}
        required
        value={plan[field]}
        onInput={(event) => change({ [field]: Number(event.currentTarget.value) })}
      />
      <small>{note}</small>
    </label>
  );
  const select = (label: string, field: "tag" | "runtime" | "status", values: readonly string[]) => (
    <label>
      {label}
      <select value={plan[field]} onChange={(event) => change({ [field]: event.currentTarget.value })}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form class="card planner" aria-label="A new rollout" onSubmit={(event) => void submit(event)}>
      <fieldset>
        <legend>Whom</legend>
        <div class="radios">
          {(["some", "ids", "all"] as const).map((whom) => (
            <label key={whom}>
              <input type="radio" name="whom" checked={plan.whom === whom} onChange={() => change({ whom })} />
              {{ some: "who is like this", ids: "these", all: "every workspace" }[whom]}
            </label>
          ))}
        </div>
        {plan.whom === "some" && (
          <div class="fields">
            {select("Tag", "tag", tags)}
            {select("Runtime", "runtime", runtimes)}
            {select("Status", "status", statuses)}
          </div>
        )}
        {plan.whom === "ids" && (
          <label>
            Ids, in the order they are to be restarted
            <textarea
              rows={3}
              value={plan.ids}
              spellcheck={false}
              onInput={(event) => change({ ids: event.currentTarget.value })}
            />
          </label>
        )}
      </fieldset>
      <fieldset>
        <legend>How</legend>
        <div class="fields">
          {number("Canaries", "canaries", 0, 1_000, "come first; the others once they have ended well")}
          {number("At a time", "maxConcurrent", 1, 1_000, "under way at most")}
          {number("Seconds between starts", "splaySeconds", 0, 3_600, "at least")}
          {number("Pause after failures", "pauseOnFailure", 0, 10_000, "0: never")}
        </div>
        <label>
          Why
          <input
            type="text"
            maxLength={200}
            value={plan.reason}
            onInput={(event) => change({ reason: event.currentTarget.value })}
          />
        </label>
      </fieldset>
      <section aria-label="Preview" class="preview">
        <p aria-live="polite">
          {members === undefined ? (
            "Nobody is chosen yet."
          ) : (
            <b>{`${members.length.toLocaleString("en")} workspaces${isComplete ? "" : ", still counting"}`}</b>
          )}
        </p>
        {members !== undefined && members.length > 0 && (
          <ol>
            {members.slice(0, SHOWN_OF_ORDER).map((id, index) => (
              <li key={id} class={index < plan.canaries ? "canary" : ""}>
                {id}
                {index < plan.canaries && <small> canary</small>}
              </li>
            ))}
            {members.length > SHOWN_OF_ORDER && (
              <li class="more">and {(members.length - SHOWN_OF_ORDER).toLocaleString("en")} more, by id</li>
            )}
          </ol>
        )}
      </section>
      <p class="warns">
        Each is restarted once, now, whatever its cooldown says: whoever works in it is interrupted until it is ready
        again. Who is held, paused or external is skipped or waits.
      </p>
      {error !== "" && (
        <p class="note bad" role="alert">
          {error}
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Leave it
        </button>
        <button
          type="submit"
          class="primary danger"
          disabled={isAsking || members === undefined || members.length === 0}
        >
          {members === undefined ? "Restart them" : `Restart ${members.length.toLocaleString("en")} workspaces`}
        </button>
      </div>
    </form>
  );
}
