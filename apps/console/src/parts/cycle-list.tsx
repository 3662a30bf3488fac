import { nowSeconds } from "../clock.ts";
import type { CycleShown } from "../timeline/model.ts";
import { countdownOf, durationOf, Moment } from "../times.tsx";
import { BECAUSE, plural, RULES, whatHappened } from "../words.ts";
import { Covers } from "./covers.tsx";

interface Props {
  readonly cycles: readonly CycleShown[];
  readonly workspaceId: string;
  readonly open: string | undefined;
  readonly onOpen: (id: string | undefined) => void;
}

/** Every restart that is still told of, the newest first: why, what it covered, what it did. */
export function CycleList({ cycles, workspaceId, open, onOpen }: Props) {
  if (cycles.length === 0) return <p class="note">None yet, or longer ago than is kept.</p>;
  // The newest is what most people came for.
  const shown = open ?? cycles[0]?.id;
  return (
    <ol class="cycles-list" reversed>
      {cycles.map((cycle) => (
        <li key={cycle.id} id={`cycle-${cycle.id}`} class={cycle.outcome}>
          <Summary
            cycle={cycle}
            isOpen={cycle.id === shown}
            onOpen={() => onOpen(cycle.id === shown ? "none" : cycle.id)}
          />
          {cycle.id === shown && <Details cycle={cycle} workspaceId={workspaceId} />}
        </li>
      ))}
    </ol>
  );
}

function Summary({ cycle, isOpen, onOpen }: { cycle: CycleShown; isOpen: boolean; onOpen: () => void }) {
  const { from, to, outcome, because, covers, action } = cycle;
  const what = covers.length > 0 ? whatHappened(covers) : action === "stop" ? "it was stopped" : "";
  return (
    <button type="button" class="summary" aria-expanded={isOpen} onClick={onOpen}>
      <span class={`outcome ${outcome}`}>{outcome}</span>
      <span class="when">
        <Moment at={from} now={nowSeconds.value} />
      </span>
      <span class="took">{to === undefined ? countdownOf(nowSeconds.value - from) : durationOf(to - from)}</span>
      <span class="what">
        {what === "" ? "No triggers of its own" : what}
        {because !== "" && <span class="because">, {BECAUSE[because] ?? because}</span>}
      </span>
    </button>
  );
}

function Details({ cycle, workspaceId }: { cycle: CycleShown; workspaceId: string }) {
  const { covers, instance, instanceBefore, error, midWrites, dropped, attempts } = cycle;
  const retries = attempts.filter(({ how }) => how !== "new");
  return (
    <div class="details">
      {error !== undefined && (
        <p class="note bad">{cycle.to === undefined ? `The attempt before failed: ${error}` : error}</p>
      )}
      <StepBar cycle={cycle} />
      <h3>Covers</h3>
      {covers.length === 0 ? <p class="note">Nothing that was asked for by a trigger.</p> : <Covers covers={covers} />}
      <dl class="facts">
        {(instance ?? instanceBefore) !== undefined && (
          <>
            <dt>Instance</dt>
            <dd>
              <code>{instanceBefore ?? "none"}</code> → <code>{instance ?? "none"}</code>
            </dd>
          </>
        )}
        {midWrites > 0 && (
          <>
            <dt>Meanwhile</dt>
            <dd>
              {plural(midWrites, "write", "writes")} came while it ran; the next restart covers what it had not read
            </dd>
          </>
        )}
        {dropped.map(({ source, rule, count }) => (
          <Dropped key={`${source} ${rule}`} text={`${count} × ${source}: ${RULES[rule] ?? rule}`} />
        ))}
        {retries.map(({ number, at, how }) => (
          <Attempt key={number} number={number} at={at} how={how} />
        ))}
        <dt>In the logs</dt>
        <dd>
          <code>
            workspaceId="{workspaceId}" cycle="{cycle.id}"
          </code>
        </dd>
      </dl>
    </div>
  );
}

function Dropped({ text }: { text: string }) {
  return (
    <>
      <dt>Dropped</dt>
      <dd>{text}</dd>
    </>
  );
}

function Attempt({ number, at, how }: { number: number; at: number; how: string }) {
  return (
    <>
      <dt>Attempt {number}</dt>
      <dd>
        {how}, <Moment at={at} />
      </dd>
    </>
  );
}

/** Its steps, each as long as it took. */
function StepBar({ cycle }: { cycle: CycleShown }) {
  const { steps, from, to } = cycle;
  const now = nowSeconds.value;
  if (steps.length === 0)
    return to === undefined ? <p class="note">Its worker has not said yet what it does.</p> : null;
  const length = Math.max(1, (to ?? now) - from);
  return (
    <ol class="steps">
      {steps.map(({ name, startedAt, durationMs, attempt }, index) => {
        const isLast = to === undefined && index === steps.length - 1;
        const tookMs = durationMs ?? (isLast ? Math.max(0, now - Date.parse(startedAt)) : undefined);
        return (
          <li
            key={`${startedAt} ${name}`}
            class={isLast ? "at-work" : ""}
            style={{ flexGrow: Math.max(0.06, (tookMs ?? 0) / length) }}
          >
            <b>{name}</b>
            <span>
              {tookMs === undefined ? "its worker was lost" : durationOf(tookMs)}
              {attempt !== undefined && attempt > 1 ? `, attempt ${attempt}` : ""}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
