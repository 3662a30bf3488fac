/** Pages have addresses behind the "#": the server's own paths are the API's. */
import { signal } from "@preact/signals";

export type Place =
  | { readonly page: "fleet"; readonly query: URLSearchParams }
  | { readonly page: "workspace"; readonly id: string }
  | { readonly page: "what-if"; readonly id: string }
  | { readonly page: "trigger"; readonly id: string }
  | { readonly page: "rollouts" }
  | { readonly page: "rollout"; readonly id: string }
  | { readonly page: "nowhere"; readonly address: string };

export const place = signal<Place>(placeOf(location.hash));
addEventListener("hashchange", () => {
  place.value = placeOf(location.hash);
});

export function placeOf(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const [, first = "", second, third, ...rest] = path.split("/");
  const id = decoded(second);
  if (first === "" && second === undefined) return { page: "fleet", query: new URLSearchParams(query) };
  if (first === "rollouts" && second === undefined) return { page: "rollouts" };
  if (id === undefined || rest.length > 0) return { page: "nowhere", address: hash };
  if (first === "workspaces" && third === undefined) return { page: "workspace", id };
  if (first === "workspaces" && third === "what-if") return { page: "what-if", id };
  if (first === "triggers" && third === undefined) return { page: "trigger", id };
  if (first === "rollouts" && third === undefined) return { page: "rollout", id };
  return { page: "nowhere", address: hash };
}

export const linkTo = {
  fleet: (query = "") => `#/${query === "" ? "" : `?${query}`}`,
  workspace: (id: string) => `#/workspaces/${encodeURIComponent(id)}`,
  whatIf: (id: string) => `#/workspaces/${encodeURIComponent(id)}/what-if`,
  trigger: (id: string) => `#/triggers/${encodeURIComponent(id)}`,
  rollouts: () => "#/rollouts",
  rollout: (id: string) => `#/rollouts/${encodeURIComponent(id)}`,
};

const TRIGGER_ID = /^(fired|coalesced|dropped|refused)\.[a-z-]+\.\d{1,15}\.[^.]+\.(.+)$/;

/** Finds the workspace that a trigger's id names; undefined for what is no trigger's id. */
export function workspaceOfTrigger(text: string): string | undefined {
  return TRIGGER_ID.exec(text.trim())?.[2];
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined || text === "" ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
