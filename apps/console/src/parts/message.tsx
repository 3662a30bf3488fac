import type { ComponentChildren } from "preact";

interface Props {
  readonly kind: "loading" | "empty" | "error" | "forbidden";
  readonly title: string;
  /** It is a part of a page that has a heading of its own. */
  readonly isPart?: true;
  readonly action?: { readonly text: string } & ({ readonly run: () => unknown } | { readonly href: string });
  readonly children?: ComponentChildren;
}

/** What a page, or a part of one, says when it has nothing to show: why, and what to do. */
export function Message({ kind, title, isPart, action, children }: Props) {
  return (
    <section class={`message ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {kind === "loading" && <span class="pulse" aria-hidden="true" />}
      {isPart ? <h2>{title}</h2> : <h1>{title}</h1>}
      {children !== undefined && <p>{children}</p>}
      {action !== undefined &&
        ("run" in action ? (
          <button type="button" onClick={() => void action.run()}>
            {action.text}
          </button>
        ) : (
          <a class="button" href={action.href}>
            {action.text}
          </a>
        ))}
    </section>
  );
}
