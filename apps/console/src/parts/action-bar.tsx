import { useEffect, useRef, useState } from "preact/hooks";
import { type Action, actionsFor } from "../actions.ts";
import { type AskError, post } from "../api.ts";
import { now as clock, nowSeconds } from "../clock.ts";
import { may, session } from "../session.ts";
import { momentOf } from "../times.tsx";
import type { Workspace } from "../types.ts";
import { toast } from "./toasts.tsx";

const FIRST_SHOWN = 3;

/** What the signed-in person may do to the workspace as it stands; the rest is not offered. */
export function ActionBar({ workspace, onDone }: { workspace: Workspace; onDone: () => void }) {
  const [chosen, setChosen] = useState<Action["verb"] | undefined>();
  const all = actionsFor(workspace, nowSeconds.value);
  const allowed = all.filter(({ scope }) => may(scope));
  // The words change with the state while the question is open.
  const action = allowed.find(({ verb }) => verb === chosen);
  const who = session.value;
  if (allowed.length === 0) {
    const isScope = all.length > 0 && typeof who === "object" && "scope" in who;
    return (
      <p class="note no-actions">
        {isScope ? `The scope ${who.scope} may look, and change nothing.` : "Nothing can be done here as it stands."}
      </p>
    );
  }
  return (
    <fieldset class="actions" aria-label="Actions">
      {allowed.map(({ verb, name }, index) => (
        <button
          key={`${verb} ${name}`}
          type="button"
          class={index === 0 ? "primary" : index < FIRST_SHOWN ? "" : "quiet"}
          onClick={() => setChosen(verb)}
        >
          {name}
        </button>
      ))}
      {action !== undefined && (
        <Question
          action={action}
          workspace={workspace}
          onClose={(isDone) => {
            setChosen(undefined);
            if (isDone) onDone();
          }}
        />
      )}
      {chosen !== undefined && action === undefined && <Vanished onClose={() => setChosen(undefined)} />}
    </fieldset>
  );
}

const EXPIRIES = [
  [5 * 60_000, "5 minutes"],
  [15 * 60_000, "15 minutes"],
  [3_600_000, "1 hour"],
  [4 * 3_600_000, "4 hours"],
  [24 * 3_600_000, "1 day"],
  [7 * 24 * 3_600_000, "1 week"],
] as const;

function Question({
  action,
  workspace,
  onClose,
}: {
  action: Action;
  workspace: Workspace;
  onClose: (isDone: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState("");
  const [isAsking, setAsking] = useState(false);
  const [holdMs, setHoldMs] = useState<number>(3_600_000);
  const [reason, setReason] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const { verb, name, effect, confirm, asks, force } = action;

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setAsking(true);
    setError("");
    try {
      const body = {
        ...(asks.includes("expiry") && { holdMs }),
        ...(asks.includes("reason") && reason.trim() !== "" && { reason: reason.trim() }),
        ...(force && { force }),
      };
      const answer = await post<Readonly<Record<string, unknown>>>(
        `/workspaces/${encodeURIComponent(workspace.id)}/${verb}`,
        body,
      );
      toast("good", outcomeOf(verb, answer));
      onClose(true);
    } catch (failure) {
      setError((failure as AskError).message);
      setAsking(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby="question" aria-describedby="effect" onClose={() => onClose(false)}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="question">
          {name} <span class="id">{workspace.id}</span>?
        </h2>
        <p id="effect">{effect}</p>
        {confirm !== undefined && <p class="warns">{confirm}</p>}
        {asks.includes("expiry") && (
          <label>
            For how long
            <select value={String(holdMs)} onChange={(event) => setHoldMs(Number(event.currentTarget.value))}>
              {EXPIRIES.map(([value, text]) => (
                <option key={value} value={String(value)}>
                  {text}
                </option>
              ))}
            </select>
            <small>It ends by itself at {momentOf(clock.value + holdMs, clock.value)}.</small>
          </label>
        )}
        {asks.includes("reason") && (
          <label>
            Why (told in the activity)
            <input
              type="text"
              maxLength={200}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {error !== "" && (
          <p class="note bad" role="alert">
            {error}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it
          </button>
          <button type="submit" class={confirm === undefined ? "primary" : "primary danger"} disabled={isAsking}>
            {name}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** It changed while the question was open. */
function Vanished({ onClose }: { onClose: () => void }) {
  useEffect(() => {
    toast("bad", "It changed meanwhile: that can no longer be done.");
    onClose();
  }, []);
  return null;
}

function outcomeOf(verb: Action["verb"], answer: Readonly<Record<string, unknown>>): string {
  switch (verb) {
    case "restart":
      return `Asked for: ${answer.decision} by the rule ${answer.rule}.`;
    case "hold":
      return `Held until ${momentOf(Date.parse(String(answer.heldUntil)), clock.peek())}.`;
    case "release":
      return answer.released === true ? "Released." : "It was not held any more.";
    case "flush":
      return answer.flushed === true ? "Due now." : "Nothing was owed any more.";
    case "cancel":
      return answer.stopping === true
        ? "The restart is asked to stop at its next safe point."
        : `Canceled: ${answer.canceled} triggers.`;
    default:
      return answer.changed === false ? "It was so already." : "Accepted: a cycle carries it out.";
  }
}
