#!/usr/bin/env bash
# croner 11.0.1: a second hour in the list costs the first one its run on the day on which clocks change.
#
# Behaviour: "0 2 * * *" in Berlin runs on 28 March 2027, at 03:00, for 02:00 is left out. "0 2,14 * * *" does not run that
# night at all: with a list among its hours, minutes or seconds an expression counts as an interval, whose times within a
# gap are skipped.
# (The option fixedTimeRule: "no-wildcard" makes a list run, too; it is not the default.)
# Who is hurt: whoever adds a second run of a day to a nightly job, a backup or a billing run, and loses one night a year.
# Here: lists of hours are looked up on the wall clock; a list of ends within a gap ends quiet hours as that gap begins
# (packages/service/test/quiet-hours.test.ts).
#
# Seen (Node 20.20.2 and 24.21.0), the runs of that night and day:
#   0 2 * * *     03:00
#   0 2,14 * * *  14:00
#   0,30 2 * * *  none
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" croner@11.0.1

cat >seen.mjs <<'JS'
import { Cron } from "croner";

const timezone = "Europe/Berlin";
const [midnight, nextMidnight] = [new Date("2027-03-27T23:00Z"), new Date("2027-03-28T22:00Z")];
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeStyle: "short" });
for (const pattern of ["0 2 * * *", "0 2,14 * * *", "0,30 2 * * *"]) {
  const runs = new Cron(pattern, { timezone, paused: true }).nextRuns(4, midnight);
  const ofThatDay = runs.filter((run) => run < nextMidnight).map((run) => clock.format(run));
  console.log(pattern.padEnd(13), ofThatDay.join(" ") || "none");
}
JS
diff - <(node seen.mjs) <<'SEEN'
0 2 * * *     03:00
0 2,14 * * *  14:00
0,30 2 * * *  none
SEEN
echo "still so"
