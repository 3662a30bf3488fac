import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type AskError, get } from "../api.ts";
import { now as clock, nowSeconds } from "../clock.ts";
import { WORKSPACE_EVENTS } from "../event-names.ts";
import { follow } from "../live.ts";
import { ActionBar } from "../parts/action-bar.tsx";
import { Covers } from "../parts/covers.tsx";
import { CycleList } from "../parts/cycle-list.tsx";
import { EventList } from "../parts/event-list.tsx";
import { Message } from "../parts/message.tsx";
import { Moment } from "../parts/moment.tsx";
import { PhaseMark } from "../parts/phase.tsx";
import { linkTo } from "../router.ts";
import { axisOf } from "../timeline/model.ts";
import { Timeline } from "../timeline/timeline.tsx";
import { countdownOf, durationOf } from "../times.ts";
import type { PolicyShown, RestartEvent, Workspace } from "../types.ts";
import { sentenceOf } from "../words.ts";

interface Shown {
  readonly workspace: Workspace;
  readonly events: readonly RestartEvent[];
  readonly policy: PolicyShown | undefined;
}

const LOOK_AGAIN_AFTER_MS = 120;
/** While something is owed or runs, what has no event of its own (the quiet that moves on, a step) is looked at. */
const LOOK_EVERY_MS = 1_000;

export function WorkspacePage({ id }: { id: string }) {
  const [shown, setShown] = useState<Shown>();
  const [error, setError] = useState<AskError>();
  const opened = useRef<string | undefined>(undefined);
  const [openCycle, setOpenCycle] = useState<string>();
  const base = `/workspaces/${encodeURIComponent(id)}`;

  const look = async (what: "all" | "state"): Promise<void> => {
    try {
      const [workspace, all, policy] = await Promise.all([
        get<Workspace>(base),
        what === "all" ? get<{ activity: RestartEvent[] }>(`${base}/activity?limit=200`) : undefined,
        what === "all" ? get<PolicyShown>(`${base}/policy`) : undefined,
      ]);
      setError(undefined);
      setShown((before) => ({
        workspace,
        events: all?.activity ?? before?.events ?? [],
        policy: policy ?? before?.policy,
      }));
    } catch (failure) {
      setError(failure as AskError);
    }
  };
  const lookSoon = useSoon(() => void look("state"), LOOK_AGAIN_AFTER_MS);

  useEffect(() => {
    document.title = `${id} · restart-coordinator`;
    opened.current = id;
    void look("all");
    return follow({
      path: `${base}/events`,
      events: WORKSPACE_EVENTS,
      onEvent: (event) => {
        setShown((before) => before && { ...before, events: withEvent(before.events, event) });
        lookSoon();
      },
      onGap: () => void look("all"),
    });
  }, [id]);

  const phase = shown?.workspace.restart.phase;
  const isMoving = phase !== undefined && phase !== "idle" && phase !== "failed";
  useEffect(() => {
    if (!isMoving) return undefined;
    const timer = setInterval(() => document.hidden || void look("state"), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [isMoving, id]);

  if (shown === undefined) {
    if (error === undefined) return <Message kind="loading" title={`Looking at ${id}`} />;
    if (error.status === 404) {
      return (
        <Message
          kind="empty"
          title={`There is no workspace ${id}`}
          action={{ text: "Look for it", href: linkTo.fleet(new URLSearchParams({ q: id }).toString()) }}
        >
          It was never registered, or has been removed.
        </Message>
      );
    }
    return (
      <Message kind="error" title={`${id} cannot be shown now`} action={{ text: "Try again", run: () => look("all") }}>
        {error.message}
      </Message>
    );
  }
  return (
    <Loaded
      shown={shown}
      openCycle={openCycle}
      setOpenCycle={setOpenCycle}
      error={error}
      onDone={() => void look("all")}
    />
  );
}

interface LoadedProps {
  readonly shown: Shown;
  readonly openCycle: string | undefined;
  readonly setOpenCycle: (id: string | undefined) => void;
  readonly error: AskError | undefined;
  readonly onDone: () => void;
}

function Loaded({ shown, openCycle, setOpenCycle, error, onDone }: LoadedProps) {
  const { workspace, events, policy } = shown;
  const axis = useMemo(() => axisOf(workspace, events, policy, clock.peek()), [workspace, events, policy]);
  const { restart, name, id } = workspace;
  const showCycle = (cycleId: string): void => {
    setOpenCycle(cycleId);
    requestAnimationFrame(() => document.getElementById(`cycle-${cycleId}`)?.scrollIntoView({ block: "nearest" }));
  };
  return (
    <article class="page workspace">
      <header class="title">
        <div>
          <p class="eyebrow">
            {workspace.parentId === null ? (
              "Workspace"
            ) : (
              <>
                Child of <a href={linkTo.workspace(workspace.parentId)}>{workspace.parentId}</a>
              </>
            )}
          </p>
          <h1>
            {name ?? id}
            {name !== null && <span class="id">{id}</span>}
          </h1>
          <p class="state">
            <PhaseMark phase={restart.phase} />
            <span>{workspace.status}</span>
            {workspace.runtime !== null && <span>{workspace.runtime}</span>}
            {Object.entries(workspace.tags).map(([tag, value]) => (
              <span key={tag} class="tag">
                {tag}: {value}
              </span>
            ))}
          </p>
        </div>
        <ActionBar workspace={workspace} onDone={onDone} />
      </header>
      {error !== undefined && (
        <p class="note bad" role="alert">
          This is how it stood last: {error.message}
        </p>
      )}
      <Sentence workspace={workspace} policy={policy} />
      <Timeline axis={axis} onCycle={showCycle} />
      <div class="columns">
        <section aria-labelledby="restarts">
          <h2 id="restarts">Restarts</h2>
          <CycleList cycles={axis.cycles} workspaceId={id} open={openCycle} onOpen={setOpenCycle} />
        </section>
        <aside>
          <section aria-labelledby="owed">
            <h2 id="owed">Owed</h2>
            {restart.why.length === 0 ? (
              <p class="note">Nothing. Every trigger that counts is covered.</p>
            ) : (
              <Covers covers={restart.why} />
            )}
          </section>
          <section aria-labelledby="facts">
            <h2 id="facts">As it stands</h2>
            <Facts workspace={workspace} policy={policy} />
          </section>
          <section aria-labelledby="activity">
            <h2 id="activity">Activity</h2>
            <EventList events={events} />
          </section>
        </aside>
      </div>
    </article>
  );
}

/** What it does, in one sentence that counts down; told to a screen reader when it changes in kind, not each second. */
function Sentence({ workspace, policy }: { workspace: Workspace; policy: PolicyShown | undefined }) {
  const { headline, more } = sentenceOf(workspace, nowSeconds.value, policy);
  return (
    <section class={`sentence ${workspace.restart.phase}`} aria-label="What it does now">
      <p class="headline">{headline}</p>
      <p>{more}</p>
    </section>
  );
}

function Facts({ workspace, policy }: { workspace: Workspace; policy: PolicyShown | undefined }) {
  const { restart, instance } = workspace;
  const now = nowSeconds.value;
  const cooldown = restart.cooldownEndsAt;
  return (
    <dl class="facts">
      {instance !== null && (
        <>
          <dt>Instance</dt>
          <dd>
            <code>{JSON.stringify(instance)}</code>
          </dd>
        </>
      )}
      <dt>Policy</dt>
      <dd>
        {policy === undefined ? "unknown" : policy.profile}
        {policy?.override && `, ${policy.override}`}
        {policy !== undefined && `; cooldown ${durationOf(policy.cooldownMs.value)}`}
      </dd>
      {cooldown !== null && Date.parse(cooldown) > now && (
        <>
          <dt>Cooldown</dt>
          <dd>
            for another {countdownOf(Date.parse(cooldown) - now)}, until <Moment at={cooldown} now={now} />
          </dd>
        </>
      )}
      {restart.failures > 0 && (
        <>
          <dt>Failures</dt>
          <dd>{restart.failures} in a row</dd>
        </>
      )}
      <dt>Generation</dt>
      <dd>
        <code>{restart.generation}</code>
        {restart.generation > restart.observedGeneration && (
          <>
            , observed <code>{restart.observedGeneration}</code>
          </>
        )}
      </dd>
      <dt>Otherwise</dt>
      <dd>
        <a href={linkTo.whatIf(workspace.id)}>What if it went by another policy?</a>
      </dd>
      <dt>In the logs</dt>
      <dd>
        <code>workspaceId="{workspace.id}"</code>
      </dd>
    </dl>
  );
}

const MOST_EVENTS = 400;

function withEvent(events: readonly RestartEvent[], event: RestartEvent): readonly RestartEvent[] {
  if (events.some(({ id }) => id === event.id)) return events;
  return [event, ...events].slice(0, MOST_EVENTS);
}

/** Calls once for many. */
function useSoon(call: () => void, afterMs: number): () => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const latest = useRef(call);
  latest.current = call;
  useEffect(() => () => clearTimeout(timer.current), []);
  return () => {
    if (timer.current !== undefined) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, afterMs);
  };
}
