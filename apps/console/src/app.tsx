/** The frame around every page: who is signed in, where one can go, and whether what is shown is live. */
import { useEffect } from "preact/hooks";
import { watchFleet } from "./fleet.ts";
import { FleetPage } from "./pages/fleet.tsx";
import { SignInPage } from "./pages/sign-in.tsx";
import { TriggerPage } from "./pages/trigger.tsx";
import { WorkspacePage } from "./pages/workspace.tsx";
import { JumpField } from "./parts/jump-field.tsx";
import { LiveMark } from "./parts/live-mark.tsx";
import { Message } from "./parts/message.tsx";
import { ThemeButton } from "./parts/theme.tsx";
import { Toasts } from "./parts/toasts.tsx";
import { linkTo, type Place, place } from "./router.ts";
import { findSession, session, signOut, type Who } from "./session.ts";

export function App() {
  useEffect(() => void findSession(), []);
  const who = session.value;
  if (who === "asking") return <Message kind="loading" title="Looking who you are" />;
  if (who === "out") return <SignInPage />;
  if ("error" in who) {
    return (
      <Message kind="error" title="The console cannot reach the API" action={{ text: "Try again", run: findSession }}>
        {who.error}
      </Message>
    );
  }
  return <Shell who={who} />;
}

function Shell({ who }: { who: Who }) {
  useEffect(watchFleet, []);
  const where = place.value;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the page
      </button>
      <header class="bar">
        <a class="brand" href={linkTo.fleet()} aria-label="restart-coordinator: the fleet">
          <img src="/assets/mark.svg" alt="" width="24" height="24" />
          <span>restart-coordinator</span>
        </a>
        <nav aria-label="Pages">
          <NavLink to={linkTo.fleet()} isHere={where.page === "fleet"} text="Fleet" />
          {who.scope !== "read" && who.scope !== "trigger" && <a href="/admin/queues">Queue</a>}
        </nav>
        <JumpField />
        <LiveMark />
        <ThemeButton />
        <div class="who">
          <span title={`Scope ${who.scope}`}>
            {who.name} <small>{who.scope}</small>
          </span>
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Page where={where} />
      </main>
      <Toasts />
    </>
  );
}

function Page({ where }: { where: Place }) {
  switch (where.page) {
    case "fleet":
      return <FleetPage query={where.query} />;
    case "workspace":
      return <WorkspacePage key={where.id} id={where.id} />;
    case "trigger":
      return <TriggerPage key={where.id} id={where.id} />;
    default:
      return (
        <Message kind="empty" title="There is no such page" action={{ text: "To the fleet", href: linkTo.fleet() }}>
          Perhaps the address was cut off when it was copied.
        </Message>
      );
  }
}

function NavLink({ to, isHere, text }: { to: string; isHere: boolean; text: string }) {
  return (
    <a href={to} aria-current={isHere ? "page" : undefined}>
      {text}
    </a>
  );
}
