import { useEffect, useState } from "preact/hooks";
import { type AskError, post } from "../api.ts";
import { nowSeconds } from "../clock.ts";
import { Message } from "../parts/message.tsx";
import { Moment } from "../parts/moment.tsx";
import { linkTo } from "../router.ts";
import { durationOf, utcOf } from "../times.ts";

interface Simulation {
  readonly name: string;
  readonly cooldownMs: number;
  readonly cycles: readonly string[];
  readonly suppressed: number;
  readonly uncovered: readonly string[];
  readonly duringCycle: number;
  readonly staleP50Ms: number | null;
  readonly staleMaxMs: number | null;
  readonly downtimeMs: number;
}

interface WhatIf {
  readonly cycleMs: number;
  readonly triggers: readonly { readonly at: string; readonly source: string }[];
  readonly simulations: readonly Simulation[];
  readonly unknownSources: readonly string[];
}

const EXAMPLE = `profile: default
cooldownMs: 60000
sources:
  file-write:
    windowMs: 20000
    maxWaitMs: 120000
`;

/** This workspace's own last days under other policies, side by side on one axis. */
export function WhatIfPage({ id }: { id: string }) {
  const [found, setFound] = useState<WhatIf>();
  const [policy, setPolicy] = useState("");
  const [error, setError] = useState<AskError>();
  const [isAsking, setAsking] = useState(false);
  const look = async (given: string): Promise<void> => {
    setAsking(true);
    try {
      const body = given.trim() === "" ? {} : { policy: given };
      setFound(await post<WhatIf>(`/workspaces/${encodeURIComponent(id)}/simulation`, body));
      setError(undefined);
    } catch (failure) {
      setError(failure as AskError);
    }
    setAsking(false);
  };
  useEffect(() => {
    document.title = `What if: ${id} · restart-coordinator`;
    void look("");
  }, [id]);

  if (found === undefined) {
    if (error === undefined) return <Message kind="loading" title={`Replaying the last days of ${id}`} />;
    return (
      <Message
        kind="error"
        title="They cannot be replayed now"
        action={{ text: "To the workspace", href: linkTo.workspace(id) }}
      >
        {error.message}
      </Message>
    );
  }
  return (
    <article class="page medium">
      <header>
        <p class="eyebrow">
          <a href={linkTo.workspace(id)}>{id}</a>
        </p>
        <h1>What if it went by another policy?</h1>
      </header>
      {found.triggers.length === 0 ? (
        <p class="note">Its activity tells of no trigger, so there is nothing to replay.</p>
      ) : (
        <>
          <p class="note">
            {found.triggers.length.toLocaleString("en")} triggers of its activity, replayed in virtual time by the code
            that judges them; each restart takes {durationOf(found.cycleMs)}. Between the first and the last that a
            restart covers they are spread evenly.
            {found.unknownSources.length > 0 &&
              ` Left out, for some policy does not know them: ${found.unknownSources.join(", ")}.`}
          </p>
          <Drawn found={found} />
          <Compared found={found} />
        </>
      )}
      <form
        class="card editor"
        onSubmit={(event) => {
          event.preventDefault();
          void look(policy);
        }}
      >
        <label for="policy">A policy of your own</label>
        <p class="note" id="policy-note">
          As in a policy file, YAML or JSON: profile, cooldownMs, budget, quietHours, sources (windowMs, leading,
          trailing, maxWaitMs, cooldown, running), customSources, workspaces. Nothing is changed by it.
        </p>
        <textarea
          id="policy"
          rows={9}
          spellcheck={false}
          aria-describedby="policy-note"
          value={policy}
          placeholder={EXAMPLE}
          onInput={(event) => setPolicy(event.currentTarget.value)}
        />
        {error !== undefined && (
          <p class="note bad" role="alert">
            {error.message}
          </p>
        )}
        <div class="buttons">
          {policy === "" && (
            <button type="button" onClick={() => setPolicy(EXAMPLE)}>
              Begin with an example
            </button>
          )}
          <button type="submit" class="primary" disabled={isAsking}>
            Replay
          </button>
        </div>
      </form>
    </article>
  );
}

function Drawn({ found: { simulations, triggers, cycleMs } }: { found: WhatIf }) {
  const times = triggers.map(({ at }) => Date.parse(at));
  const first = Math.min(...times);
  const last = Math.max(...times, ...simulations.flatMap(({ cycles }) => cycles.map((at) => Date.parse(at) + cycleMs)));
  const length = Math.max(1_000, last - first);
  const at = (time: number) => `${2 + ((time - first) / length) * 96}%`;
  const wide = (ms: number) => `${(ms / length) * 96}%`;
  return (
    <div
      class="card what-if"
      role="img"
      aria-label="The triggers, and the restarts each policy would have made of them, on one time axis"
    >
      <div class="lane-of">
        <span>triggers</span>
        <div>
          {times.map((time, index) => (
            <i key={`${time} ${index}`} class="mark coalesced" style={{ left: at(time) }} title={utcOf(time)} />
          ))}
        </div>
      </div>
      {simulations.map(({ name, cycles, cooldownMs, uncovered }) => (
        <div class="lane-of" key={name}>
          <span>{name}</span>
          <div>
            {cycles.map((start) => (
              <i
                key={`cooldown ${start}`}
                class="cooldown"
                style={{ left: at(Date.parse(start)), width: wide(cooldownMs) }}
              />
            ))}
            {cycles.map((start) => (
              <i
                key={start}
                class="restart"
                style={{ left: at(Date.parse(start)), width: wide(cycleMs) }}
                title={utcOf(Date.parse(start))}
              />
            ))}
            {uncovered.map((time) => (
              <i
                key={`uncovered ${time}`}
                class="mark refused"
                style={{ left: at(Date.parse(time)) }}
                title="covered by no restart"
              />
            ))}
          </div>
        </div>
      ))}
      <p class="ends">
        <Moment at={first} now={nowSeconds.value} />
        <Moment at={last} now={nowSeconds.value} />
      </p>
    </div>
  );
}

function Compared({ found: { simulations } }: { found: WhatIf }) {
  const ms = (value: number | null) => (value === null ? "none" : durationOf(value));
  const columns: [string, (simulation: Simulation) => string][] = [
    ["Restarts", ({ cycles }) => cycles.length.toLocaleString("en")],
    ["Downtime", ({ downtimeMs }) => durationOf(downtimeMs)],
    ["Writes no restart covers", ({ uncovered }) => uncovered.length.toLocaleString("en")],
    ["Writes during a restart", ({ duringCycle }) => duringCycle.toLocaleString("en")],
    ["Stale, half of them up to", ({ staleP50Ms }) => ms(staleP50Ms)],
    ["Stale at most", ({ staleMaxMs }) => ms(staleMaxMs)],
  ];
  return (
    <div class="card scrolls">
      <table class="compared">
        <thead>
          <tr>
            <th scope="col">Policy</th>
            {columns.map(([title]) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {simulations.map((simulation) => (
            <tr key={simulation.name} class={simulation.uncovered.length > 0 ? "loses" : ""}>
              <th scope="row">{simulation.name}</th>
              {columns.map(([title, of]) => (
                <td key={title}>{of(simulation)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
