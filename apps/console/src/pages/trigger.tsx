import { useEffect, useState } from "preact/hooks";
import { type AskError, get } from "../api.ts";
import { nowSeconds } from "../clock.ts";
import { Message } from "../parts/message.tsx";
import { linkTo, workspaceOfTrigger } from "../router.ts";
import { RULES } from "../words.ts";

interface Outcome {
  readonly status: string;
  readonly cycleId?: string | null;
  readonly rule?: string | null;
}

/** What became of one trigger, asked again until it is settled. */
export function TriggerPage({ id }: { id: string }) {
  const workspace = workspaceOfTrigger(id);
  const [outcome, setOutcome] = useState<Outcome>();
  const [error, setError] = useState<AskError>();
  useEffect(() => {
    document.title = "Trigger · restart-coordinator";
    if (workspace === undefined) return;
    let isOver = false;
    const look = async (wait: string): Promise<void> => {
      try {
        const path = `/workspaces/${encodeURIComponent(workspace)}/triggers/${encodeURIComponent(id)}${wait}`;
        const answer = await get<Outcome>(path);
        if (isOver) return;
        setOutcome(answer);
        setError(undefined);
        if (answer.status === "pending" || answer.status === "running") await look("?wait=10s");
      } catch (failure) {
        if (!isOver) setError(failure as AskError);
      }
    };
    void look("");
    return () => {
      isOver = true;
    };
  }, [id]);

  if (workspace === undefined) {
    return (
      <Message kind="empty" title="This is no trigger's id" action={{ text: "To the fleet", href: linkTo.fleet() }}>
        One begins with fired, coalesced, dropped or refused, and ends with its workspace.
      </Message>
    );
  }
  const link = (
    <a class="button" href={linkTo.workspace(workspace)}>
      To {workspace}
    </a>
  );
  if (error !== undefined && outcome === undefined) {
    return (
      <Message
        kind="error"
        title={error.status === 404 ? "Nothing is known of this trigger" : "What became of it cannot be told now"}
      >
        {error.message}
      </Message>
    );
  }
  if (outcome === undefined) return <Message kind="loading" title="Looking for the trigger" />;
  const [decision = "", rule = "", generation = ""] = id.split(".");
  const at = Number(generation);
  return (
    <article class="trigger page narrow">
      <p class="eyebrow">Trigger</p>
      <h1>{WORDS[outcome.status] ?? outcome.status}</h1>
      <dl class="facts">
        <dt>Workspace</dt>
        <dd>
          <a href={linkTo.workspace(workspace)}>{workspace}</a>
        </dd>
        <dt>Decided</dt>
        <dd>
          {decision} by the rule {outcome.rule ?? rule}: {RULES[outcome.rule ?? rule] ?? rule}
        </dd>
        {outcome.cycleId && (
          <>
            <dt>Cycle</dt>
            <dd>
              <code>{outcome.cycleId}</code>
            </dd>
          </>
        )}
        {at > 1e12 && at <= nowSeconds.value + 86_400_000 && (
          <>
            <dt>Generation</dt>
            <dd>
              <code>{generation}</code>
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
      </dl>
      <p>{link}</p>
    </article>
  );
}

const WORDS: Readonly<Record<string, string>> = {
  pending: "It waits for the restart that will cover it",
  running: "The restart that covers it runs now",
  done: "A good restart covers it",
  failed: "The restart that was to cover it failed; it stays owed",
  canceled: "It was canceled",
  dropped: "It was dropped: nothing covers it",
  refused: "It was refused: the workspace may not be restarted",
};
