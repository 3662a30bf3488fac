/** Who is signed in. The token itself is nowhere but in the request that signs in. */
import { effect, signal } from "@preact/signals";
import { type AskError, ask, get, signedOut } from "./api.ts";
import { SCOPES, type Scope } from "./types.ts";

export interface Who {
  readonly name: string;
  readonly scope: Scope;
  readonly expiresAt: string;
}

/** "asking" until the first answer; the text of an error when there is none. */
export const session = signal<Who | "asking" | "out" | { readonly error: string }>("asking");

export async function findSession(): Promise<void> {
  try {
    session.value = (await get<{ session: Who | null }>("/session")).session ?? "out";
  } catch (error) {
    session.value = { error: (error as AskError).message };
  }
}

/** @throws AskError */
export async function signIn(token: string): Promise<void> {
  session.value = await ask<Who>("POST", "/session", { token });
}

export async function signOut(): Promise<void> {
  await ask("DELETE", "/session").catch(() => {});
  session.value = "out";
}

export function may(scope: Scope): boolean {
  const who = session.value;
  return typeof who === "object" && "scope" in who && SCOPES.indexOf(who.scope) >= SCOPES.indexOf(scope);
}

// A session has an end; whatever was asked then says so.
effect(() => {
  if (signedOut.value > 0) session.value = "out";
});
