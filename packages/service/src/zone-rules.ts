/**
 * The rules of time zones that this process has, those of its Node's ICU. Zones change theirs every year: where processes
 * have different ones, quiet hours end at one of them an hour before they do at another.
 */
import type { Logger } from "pino";
import { IntervalLoop } from "./lifecycle/interval-loop.ts";

/** Such as 2026c, a release of the IANA time zone database. */
export const ZONE_RULES = process.versions.tz || "unknown";

const NOTE_EVERY_MS = 300_000;
/** A process that has just ended is still counted for a while. */
const KEPT_MS = 2.2 * NOTE_EVERY_MS;

export interface ZoneRulesOptions {
  /** Notes this process' rules where all processes look, and tells which ones they noted lately. */
  readonly note: (call: { rules: string; keptMs: number }) => Promise<readonly string[]>;
  /** Where nothing goes by a time zone, it does not matter. */
  readonly matters: () => boolean;
  readonly logger: Logger;
}

/** Makes a service that warns while processes differ, once for what they differ in. */
export function zoneRulesWatch({ note, matters, logger }: ZoneRulesOptions): IntervalLoop {
  let warned = "";
  const compare = async (): Promise<void> => {
    const all = [...(await note({ rules: ZONE_RULES, keptMs: KEPT_MS }))].sort();
    const differing = all.length > 1 && matters() ? all.join(", ") : "";
    if (differing !== "" && differing !== warned) {
      logger.warn(
        { own: ZONE_RULES, all },
        `processes have different rules of time zones: ${differing}; ${WHAT_TO_DO}`,
      );
    }
    warned = differing;
  };
  // Redis may be away: the next time finds it.
  const pass = () => compare().catch(() => {});
  return new IntervalLoop({ name: "the comparison of rules of time zones", pass, intervalMs: NOTE_EVERY_MS, logger });
}

const WHAT_TO_DO =
  "quiet hours may begin and end an hour apart. Run all on one version of Node; docs/policies.md says more";
