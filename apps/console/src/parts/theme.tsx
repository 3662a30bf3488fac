import { signal } from "@preact/signals";

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];
const NAMES = { auto: "as the system", light: "light", dark: "dark" } as const;
const SIGNS = { auto: "◐", light: "○", dark: "●" } as const;
const KEPT_AS = "theme";

const theme = signal<Theme>(THEMES.find((each) => each === localStorage.getItem(KEPT_AS)) ?? "auto");

function show(chosen: Theme): void {
  theme.value = chosen;
  document.documentElement.dataset.theme = chosen;
  dispatchEvent(new Event("themechange"));
}
show(theme.value);

export function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme;
  const choose = (): void => {
    localStorage.setItem(KEPT_AS, next);
    show(next);
  };
  return (
    <button
      type="button"
      class="quiet icon"
      onClick={choose}
      aria-label={`Colours: ${NAMES[theme.value]}. Change to ${NAMES[next]}`}
      title={`Colours: ${NAMES[theme.value]}`}
    >
      <span aria-hidden="true">{SIGNS[theme.value]}</span>
    </button>
  );
}
