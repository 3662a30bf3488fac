import { useEffect, useRef } from "preact/hooks";
import { linkTo, workspaceOfTrigger } from "../router.ts";

/** Leads to what is typed or pasted: a trigger's id, a workspace's id, or what the fleet finds for it. "/" goes there. */
export function JumpField() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]"))
        return;
      event.preventDefault();
      field.current?.focus();
    };
    // A trigger's id may be pasted anywhere.
    const onPaste = (event: ClipboardEvent): void => {
      const text = event.clipboardData?.getData("text/plain").trim() ?? "";
      const isElsewhere = event.target instanceof HTMLElement && event.target.matches("input, textarea");
      if (!isElsewhere && workspaceOfTrigger(text) !== undefined) location.hash = linkTo.trigger(text);
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("paste", onPaste);
    return () => {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("paste", onPaste);
    };
  }, []);

  const jump = (event: Event): void => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (text === "") return;
    const isTrigger = workspaceOfTrigger(text) !== undefined;
    location.hash = isTrigger ? linkTo.trigger(text) : linkTo.fleet(new URLSearchParams({ q: text }).toString());
    if (field.current) field.current.value = "";
  };
  return (
    <search class="jump">
      <form onSubmit={jump}>
        <input
          ref={field}
          type="search"
          aria-label="Workspace or trigger id"
          placeholder="Workspace or trigger id"
          autocomplete="off"
          spellcheck={false}
        />
        <kbd>/</kbd>
      </form>
    </search>
  );
}
