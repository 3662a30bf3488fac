#!/usr/bin/env bash
# cron-parser 5.10.6: where clocks are set by half an hour, a daily job is passed over for a day, and "every half hour"
# leaves an hour out.
#
# Behaviour: on Lord Howe the clock goes from 02:00 to 02:30 on 4 October 2026. "0 2 * * *" and "15 2 * * *" do not run on
# that day, though where a whole hour is left out (Berlin, Cairo) the job runs an hour later. On 4 April 2027 it goes from
# 02:00 back to 01:30: "*/30 * * * *" runs at the first 01:30 and then at 02:00, an hour later; the second 01:30 is left out.
# Who is hurt: whoever schedules in that zone, also by what is built on it; BullMQ 6.7.0's job schedulers use cron-parser.
# Here: this is why quiet hours are reckoned from the zone's own offsets, and tested on every day on which a clock is set.
#
# Seen (Node 20.20.2 and 24.21.0), wall time and offset:
#   Europe/Berlin        0 2 * * *     2027-03-27 02:00 +1, 2027-03-28 03:00 +2, 2027-03-29 02:00 +2
#   Australia/Lord_Howe  0 2 * * *     2026-10-03 02:00 +10:30, 2026-10-05 02:00 +11, 2026-10-06 02:00 +11
#   Australia/Lord_Howe  */30 * * * *  2027-04-04 01:30 +11, 2027-04-04 02:00 +10:30, 2027-04-04 02:30 +10:30
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" cron-parser@5.10.6

cat >seen.mjs <<'JS'
import { CronExpressionParser } from "cron-parser";

function runs(tz, pattern, after) {
  const parsed = CronExpressionParser.parse(pattern, { tz, currentDate: new Date(after) });
  const format = { timeZone: tz, hourCycle: "h23", dateStyle: "short", timeStyle: "short" };
  const clock = new Intl.DateTimeFormat("sv-SE", format);
  const zone = new Intl.DateTimeFormat("en", { timeZone: tz, timeZoneName: "shortOffset" });
  const shown = Array.from({ length: 3 }, () => {
    const run = parsed.next().toDate();
    return `${clock.format(run)} ${zone.format(run).split("GMT")[1]}`;
  });
  console.log(tz.padEnd(20), pattern.padEnd(13), shown.join(", "));
}

runs("Europe/Berlin", "0 2 * * *", "2027-03-26T12:00Z");
runs("Australia/Lord_Howe", "0 2 * * *", "2026-10-02T12:00Z");
runs("Australia/Lord_Howe", "*/30 * * * *", "2027-04-03T14:15Z");
JS
diff - <(node seen.mjs) <<'SEEN'
Europe/Berlin        0 2 * * *     2027-03-27 02:00 +1, 2027-03-28 03:00 +2, 2027-03-29 02:00 +2
Australia/Lord_Howe  0 2 * * *     2026-10-03 02:00 +10:30, 2026-10-05 02:00 +11, 2026-10-06 02:00 +11
Australia/Lord_Howe  */30 * * * *  2027-04-04 01:30 +11, 2027-04-04 02:00 +10:30, 2027-04-04 02:30 +10:30
SEEN
echo "still so"
