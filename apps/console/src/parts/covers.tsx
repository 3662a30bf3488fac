import { Moment } from "../times.tsx";
import type { Covered } from "../types.ts";

/** What a restart covers, or is owed for: per source how many, when, by whom, and which files. */
export function Covers({ covers }: { covers: readonly Covered[] }) {
  return (
    <ul class="covers">
      {covers.map(
        ({ source, count, firstAt, lastAt, actors = [], files = [], reasons = [], moreFiles = 0, moreReasons = 0 }) => {
          const things = (files.length > 0 ? files : reasons).filter((text) => text !== "").toReversed();
          const more = files.length > 0 ? moreFiles : moreReasons;
          return (
            <li key={source}>
              <p>
                <b>
                  {count} × {source}
                </b>{" "}
                {actors.length > 0 && <>by {actors.join(", ")} </>}
                <span class="when">
                  <Moment at={firstAt} />
                  {firstAt !== lastAt && (
                    <>
                      {" to "}
                      <Moment at={lastAt} />
                    </>
                  )}
                </span>
              </p>
              {things.length > 0 && (
                <ul class="files">
                  {things.map((text) => (
                    <li key={text}>{text}</li>
                  ))}
                  {more > 0 && <li class="more">and {more} more</li>}
                </ul>
              )}
            </li>
          );
        },
      )}
    </ul>
  );
}
