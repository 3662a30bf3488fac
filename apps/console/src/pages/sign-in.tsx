import { useEffect, useRef, useState } from "preact/hooks";
import type { AskError } from "../api.ts";
import { ThemeButton } from "../parts/theme.tsx";
import { signIn } from "../session.ts";

/** Takes a token once. It goes into no storage and no address; the field is emptied whatever comes of it. */
export function SignInPage() {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState("");
  const [isAsking, setAsking] = useState(false);
  useEffect(() => {
    document.title = "Sign in · restart-coordinator";
    field.current?.focus();
  }, []);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const input = field.current;
    const token = input?.value.trim() ?? "";
    if (input === null || token === "") return;
    setAsking(true);
    try {
      await signIn(token);
    } catch (failure) {
      const { status, message } = failure as AskError;
      setError(status === 401 ? "No token like this is known here." : message);
      setAsking(false);
      input.value = "";
      input.focus();
    }
  };

  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <div class="brand">
          <img src="/assets/mark.svg" alt="" width="36" height="36" />
          <ThemeButton />
        </div>
        <h1>restart-coordinator</h1>
        <p>Why it restarted, what is owed, what happens next.</p>
        <label for="token">Access token</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          aria-describedby="token-note"
          aria-invalid={error !== ""}
          required
        />
        <p id="token-note" class={error === "" ? "note" : "note bad"} role={error === "" ? undefined : "alert"}>
          {error === "" ? "One of API_TOKENS, or what the API printed when it started." : error}
        </p>
        <button type="submit" class="primary" disabled={isAsking}>
          {isAsking ? "Signing in" : "Sign in"}
        </button>
        <p class="note">You stay signed in for 12 hours on this browser.</p>
      </form>
    </main>
  );
}
