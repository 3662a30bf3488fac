import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { alertsOf } from "../alerts.ts";
import { type AskError, get } from "../api.ts";
import { nowSeconds } from "../clock.ts";
import { WORKSPACE_EVENTS } from "../event-names.ts";
import { fleet as standing } from "../fleet.ts";
import { FleetLines } from "../fleet-lines.ts";
import { choices, type FleetQuery, found, isNarrowed, readQuery, writeQuery } from "../fleet-query.ts";
import { follow } from "../live.ts";
import { HistoryChart } from "../parts/history-chart.tsx";
import { Message } from "../parts/message.tsx";
import { PhaseMark } from "../parts/phase.tsx";
import { VirtualTable } from "../parts/virtual-list.tsx";
import { linkTo } from "../router.ts";
import { countdownOf } from "../times.ts";
import { type Fleet, type History, type Line, PHASES, type Phase } from "../types.ts";

const HISTORY_EVERY_MS = 60_000;
const HISTORY_AGAIN_MS = 5_000;
const NARROW = "(max-width: 700px)";

export function FleetPage({ query: params }: { query: URLSearchParams }) {
  const lines = useRef<FleetLines | undefined>(undefined);
  lines.current ??= new FleetLines();
  const store = lines.current;
  const [error, setError] = useState<AskError>();
  const [history, setHistory] = useState<History>();
  const query = readQuery(params);

  useEffect(() => {
    document.title = "Fleet · restart-coordinator";
    const load = (): void =>
      void store.load().then(
        () => setError(undefined),
        (failure: AskError) => setError(failure),
      );
    const look = (): void =>
      void (
        document.hidden || get<History>("/fleet/history").then(setHistory, () => setTimeout(look, HISTORY_AGAIN_MS))
      );
    store.start();
    load();
    look();
    const timer = setInterval(look, HISTORY_EVERY_MS);
    const unfollow = follow({
      path: "/events",
      events: WORKSPACE_EVENTS,
      onEvent: (event) => store.take(event),
      onGap: load,
    });
    return () => {
      clearInterval(timer);
      unfollow();
      store.stop();
    };
  }, []);

  const all = store.all.value;
  if (error !== undefined && all.length === 0) {
    return (
      <Message
        kind="error"
        title="The fleet cannot be shown now"
        action={{ text: "Try again", run: () => store.load().then(() => setError(undefined), setError) }}
      >
        {error.message}
      </Message>
    );
  }
  return (
    <article class="page fleet">
      <h1 class="unseen">Fleet</h1>
      <Overview fleet={standing.value} all={all} history={history} query={query} />
      <List store={store} all={all} query={query} />
    </article>
  );
}

function Overview({
  fleet,
  all,
  history,
  query,
}: {
  fleet: Fleet | undefined;
  all: readonly Line[];
  history: History | undefined;
  query: FleetQuery;
}) {
  return (
    <div class="overview">
      <section aria-label="Phases" class="card phases-card">
        <Phases all={all} query={query} />
        {fleet !== undefined && <Workers fleet={fleet} />}
        {fleet !== undefined && <Alerts fleet={fleet} all={all} />}
      </section>
      <section aria-label="The last six hours" class="card">
        {history === undefined ? <div class="placeholder" /> : <HistoryChart history={history} />}
      </section>
      <section aria-label="Noisiest" class="card noisiest">
        {history !== undefined && <Noisiest history={history} />}
      </section>
    </div>
  );
}

/** How many are in each phase; each narrows the list down to it. */
function Phases({ all, query }: { all: readonly Line[]; query: FleetQuery }) {
  const counts = useMemo(() => {
    const sums = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
    for (const { phase } of all) sums[phase] += 1;
    return sums;
  }, [all]);
  return (
    <>
      <div class="phase-bar" aria-hidden="true">
        {PHASES.map(
          (phase) =>
            counts[phase] > 0 && (
              <i key={phase} class={phase} style={{ flexGrow: Math.max(counts[phase], all.length * 0.012) }} />
            ),
        )}
      </div>
      <ul class="phase-counts">
        {PHASES.map((phase) => {
          const isChosen = query.phase === phase;
          const to = linkTo.fleet(writeQuery({ ...query, phase: isChosen ? undefined : phase }));
          return (
            <li key={phase}>
              <a
                class={`${phase} ${counts[phase] === 0 ? "none" : ""}`}
                href={to}
                aria-current={isChosen ? "true" : undefined}
              >
                <b>{counts[phase].toLocaleString("en")}</b> <PhaseMark phase={phase} />
              </a>
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Workers({ fleet }: { fleet: Fleet }) {
  const { workers, oldestDueAgeMs, registered } = fleet;
  const shards = workers?.length ?? 0;
  const alive =
    workers === null
      ? "unknown"
      : shards === 1
        ? String(workers[0])
        : `${Math.min(...workers)} to ${Math.max(...workers)} for each of ${shards} shards`;
  return (
    <dl class="figures">
      <div>
        <dt>Workspaces</dt>
        <dd>{registered.toLocaleString("en")}</dd>
      </div>
      <div>
        <dt>Workers alive</dt>
        <dd>{alive}</dd>
      </div>
      <div>
        <dt>Oldest due waits</dt>
        <dd>{oldestDueAgeMs < 1_000 ? "not at all" : countdownOf(oldestDueAgeMs)}</dd>
      </div>
    </dl>
  );
}

function Alerts({ fleet, all }: { fleet: Fleet; all: readonly Line[] }) {
  const alerts = alertsOf(fleet, all, nowSeconds.value);
  if (alerts.length === 0) return <p class="note no-alerts">No alert would fire.</p>;
  return (
    <ul class="alerts" aria-label="Alerts that would fire">
      {alerts.map(({ name, severity, text, query }) => (
        <li key={name} class={severity}>
          <b>{severity}</b> {query === undefined ? text : <a href={linkTo.fleet(query)}>{text}</a>}
        </li>
      ))}
    </ul>
  );
}

const MOST_NAMED = 5;

function Noisiest({ history: { sources, workspaces } }: { history: History }) {
  if (sources.length === 0) return <p class="note">Nothing happened in the last six hours.</p>;
  const most = Math.max(1, ...sources.map(({ count }) => count));
  const mostOne = Math.max(1, ...workspaces.map(({ count }) => count));
  return (
    <>
      <div>
        <h2>Noisiest sources</h2>
        <ol class="ranking">
          {sources.slice(0, MOST_NAMED).map(({ name, count }) => (
            <li key={name}>
              <span class="name">{name}</span>
              <meter aria-label={`${name}: triggers`} min={0} max={most} value={count} />
              <span class="count">{count.toLocaleString("en")}</span>
            </li>
          ))}
        </ol>
      </div>
      <div>
        <h2>Noisiest workspaces</h2>
        <ol class="ranking">
          {workspaces.slice(0, MOST_NAMED).map(({ name, count, restarts }) => (
            <li key={name}>
              <a class="name" href={linkTo.workspace(name)}>
                {name}
              </a>
              <meter aria-label={`${name}: triggers`} min={0} max={mostOne} value={count} />
              <span class="count" title={`${restarts} restarts`}>
                {count.toLocaleString("en")}
              </span>
            </li>
          ))}
        </ol>
      </div>
    </>
  );
}

function List({ store, all, query }: { store: FleetLines; all: readonly Line[]; query: FleetQuery }) {
  const isNarrow = useMedia(NARROW);
  const key = writeQuery(query);
  const now = Math.floor(nowSeconds.value / 10_000) * 10_000;
  const shown = useMemo(() => found(all, query, now), [all, key, query.is === "spent" ? now : 0]);
  return (
    <section class="list" aria-label="Workspaces">
      <Filters all={all} query={query} count={shown.length} isComplete={store.isComplete.value} />
      {shown.length === 0 ? (
        <Nothing isComplete={store.isComplete.value} query={query} />
      ) : (
        <VirtualTable
          items={shown}
          keyOf={({ id }) => id}
          rowHeight={isNarrow ? 60 : 38}
          label="Workspaces"
          onView={(ids) => store.inView(ids)}
          header={["Workspace", "Phase", "Next", "Owed", "Runs", "Tags"].map((text) => (
            <th key={text} scope="col">
              {text}
            </th>
          ))}
          row={(line) => <Cells line={line} />}
        />
      )}
    </section>
  );
}

function Filters({
  all,
  query,
  count,
  isComplete,
}: {
  all: readonly Line[];
  query: FleetQuery;
  count: number;
  isComplete: boolean;
}) {
  const known = useRef({ runtimes: [] as string[], tags: [] as string[], of: -1 });
  // What can be chosen changes with who is registered, not with every event.
  if (known.current.of !== all.length) known.current = { ...choices(all), of: all.length };
  const { runtimes, tags } = known.current;
  const change = (part: Partial<FleetQuery>): void => {
    const to = linkTo.fleet(writeQuery({ ...query, ...part }));
    history.replaceState(null, "", to);
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Search by id, name or tag"
        placeholder="Search by id, name or tag"
        value={query.text}
        spellcheck={false}
        onInput={(event) => change({ text: event.currentTarget.value })}
      />
      <Choice label="Phase" value={query.phase} values={PHASES} onChange={(phase) => change({ phase })} />
      {runtimes.length > 0 && (
        <Choice label="Runtime" value={query.runtime} values={runtimes} onChange={(runtime) => change({ runtime })} />
      )}
      {tags.length > 0 && <Choice label="Tag" value={query.tag} values={tags} onChange={(tag) => change({ tag })} />}
      <label class="choice">
        <span>Order</span>
        <select
          value={query.sort}
          onChange={(event) => change({ sort: event.currentTarget.value as FleetQuery["sort"] })}
        >
          <option value="urgency">most urgent first</option>
          <option value="owed">longest owed first</option>
          <option value="id">by id</option>
        </select>
      </label>
      <output class="note">
        {count.toLocaleString("en")} of {all.length.toLocaleString("en")}
        {!isComplete && ", loading"}
      </output>
      {isNarrowed(query) && (
        <a class="button quiet" href={linkTo.fleet()}>
          Show all
        </a>
      )}
    </form>
  );
}

function Choice<Value extends string>({
  label,
  value,
  values,
  onChange,
}: {
  label: string;
  value: Value | undefined;
  values: readonly Value[];
  onChange: (value: Value | undefined) => void;
}) {
  const all = value === undefined || values.includes(value) ? values : [value, ...values];
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        value={value ?? ""}
        onChange={(event) =>
          onChange(event.currentTarget.value === "" ? undefined : (event.currentTarget.value as Value))
        }
      >
        <option value="">any</option>
        {all.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}

function Cells({ line }: { line: Line }) {
  const { id, name, phase, status, runtime, owed, owedSince, sources, tags } = line;
  const now = nowSeconds.value;
  return (
    <>
      <td class="who">
        <a href={linkTo.workspace(id)}>{id}</a>
        {name !== null && name !== id && <small>{name}</small>}
      </td>
      <td>
        <PhaseMark phase={phase} />
      </td>
      <td class="next">{nextWords(line, now)}</td>
      <td class="owed">
        {owed > 0 && (
          <>
            {owed.toLocaleString("en")} × {sources.join(", ")}
            {owedSince !== null && <small> for {countdownOf(now - Date.parse(owedSince))}</small>}
          </>
        )}
      </td>
      <td class="runs">
        {status}
        {runtime !== null && <small> {runtime}</small>}
      </td>
      <td class="tags">
        {Object.entries(tags).map(([tag, value]) => (
          <span key={tag} class="tag">
            {tag}: {value}
          </span>
        ))}
      </td>
    </>
  );
}

function nextWords({ phase, dueAt, startedAt, heldUntil, looping }: Line, now: number): string {
  const inMs = dueAt === null ? undefined : Date.parse(dueAt) - now;
  if (looping) return "in a loop";
  if (phase === "running") return startedAt === null ? "runs" : `for ${countdownOf(now - Date.parse(startedAt))}`;
  if (phase === "held") return heldUntil === null ? "held" : `held ${countdownOf(Date.parse(heldUntil) - now)}`;
  if (phase === "failed") return "needs a person";
  if (inMs === undefined) return "";
  return inMs > 0 ? `in ${countdownOf(inMs)}` : "due now";
}

function Nothing({ isComplete, query }: { isComplete: boolean; query: FleetQuery }) {
  if (!isComplete) return <Message isPart kind="loading" title="Looking at the fleet" />;
  if (isNarrowed(query)) {
    return (
      <Message
        isPart
        kind="empty"
        title="No workspace is like that"
        action={{ text: "Show all", href: linkTo.fleet() }}
      >
        Phases change: it may be in another one by now.
      </Message>
    );
  }
  return (
    <Message isPart kind="empty" title="No workspace is registered yet">
      PUT /workspaces/{"{id}"} registers one; it is shown here at once.
    </Message>
  );
}

function useMedia(query: string): boolean {
  const media = useMemo(() => matchMedia(query), [query]);
  const [matches, setMatches] = useState(media.matches);
  useEffect(() => {
    const look = (): void => setMatches(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, [media]);
  return matches;
}
