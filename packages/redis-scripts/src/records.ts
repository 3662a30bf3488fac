/** Reads a hash as Redis tells it: names and values in turn. */
export function recordOf<Value = string>(flat: readonly unknown[]): Record<string, Value> {
  const fields: Record<string, Value> = {};
  for (let i = 0; i < flat.length; i += 2) fields[String(flat[i])] = flat[i + 1] as Value;
  return fields;
}
