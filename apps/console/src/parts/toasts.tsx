import { signal } from "@preact/signals";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly kind: "good" | "bad";
}

const toasts = signal<readonly Toast[]>([]);
const SHOWN_MS = 8_000;
let last = 0;

/** Says how something went that somebody asked for. */
export function toast(kind: Toast["kind"], text: string): void {
  last += 1;
  const id = last;
  toasts.value = [...toasts.value.slice(-3), { id, kind, text }];
  setTimeout(() => forget(id), SHOWN_MS);
}

function forget(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, kind, text }) => (
        <p key={id} class={kind}>
          {text}
          <button type="button" class="quiet icon" aria-label="Dismiss" onClick={() => forget(id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
