/** Says for zod what was expected where somebody wrote a duration with its unit; what else is wrong, zod says itself. */
export function notMilliseconds({ code, input }: { readonly code: string; readonly input?: unknown }) {
  const isNumber = typeof input === "number" && !Number.isNaN(input);
  if (code !== "invalid_type" || isNumber || input === undefined) return undefined;
  const got = typeof input === "string" ? `, got ${JSON.stringify(input)}` : "";
  return `expected milliseconds, for example 60000 for a minute${got}`;
}
