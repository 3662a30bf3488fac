/** These fields are never in a log line, wherever they stand. A spec may hold anything that a workspace must know. */
export const SECRETS: readonly string[] = ["authorization", "token", "password", "cookie", "spec", "env", "userData"];
export const CENSOR = "[redacted]";

const isSecret = new Set(SECRETS);

/** Takes out what is secret up to two levels deep; the very same value where nothing is, which is nearly always. */
export function redacted(value: unknown, levels = 2): unknown {
  if (typeof value !== "object" || value === null || levels === 0) return value;
  let copy: object | undefined;
  for (const [name, inner] of Object.entries(value)) {
    const shown = isSecret.has(name) ? CENSOR : redacted(inner, levels - 1);
    if (shown === inner) continue;
    copy ??= Array.isArray(value) ? [...value] : { ...value };
    Reflect.set(copy, name, shown);
  }
  return copy ?? value;
}
