/** The reason of a restart for a changed spec: it names the fields. As long as is kept of a reason, whole names. */
import { TEXT_BYTES_KEPT } from "../triggers/why.ts";

export function driftReason(fields: readonly string[]): string {
  const said = (shown: readonly string[]): string => {
    const more = fields.length - shown.length;
    return `changed: ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  };
  let shown = [...fields];
  while (shown.length > 1 && Buffer.byteLength(said(shown)) > TEXT_BYTES_KEPT) shown = shown.slice(0, -1);
  return said(shown);
}
