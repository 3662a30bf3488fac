#!/usr/bin/env bash
# croner 11.0.1: the end of a window, asked for as "the next run after its start", may come a day late.
#
# Behaviour: a daily time that the clock leaves out in spring runs at the first time after the gap. So both ends of a
# window within the gap fall on the same instant, and "the next end after the start" is the next day's. A window from 02:00
# to 03:00 in Berlin lasts 24 hours on 28 March 2027, one of 15 minutes on Lord Howe nearly as long, a weekly half hour in
# Cairo, whose gap is at midnight, a week.
# Who is hurt: whoever makes maintenance windows, quiet hours, opening times or locks out of two cron expressions.
# Here: windows are found on the wall clock, where no time is left out, and only then become instants
# (packages/service/src/policy-file/quiet-hours).
#
# Seen (Node 20.20.2 and 24.21.0):
#   Europe/Berlin 2027-03-28T01:00:00.000Z lasts 24 h
#   Australia/Lord_Howe 2026-10-03T15:30:00.000Z lasts 23.75 h
#   Africa/Cairo 2026-04-23T22:00:00.000Z lasts 167.5 h
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder" croner@11.0.1

cat >seen.mjs <<'JS'
import { Cron } from "croner";

function lasts(timezone, from, until, day) {
  const next = (pattern, after) => new Cron(pattern, { timezone, paused: true }).nextRun(after);
  const start = next(from, new Date(day));
  const end = next(until, start);
  console.log(`${timezone} ${start.toISOString()} lasts ${(end - start) / 3_600_000} h`);
}

lasts("Europe/Berlin", "0 2 * * *", "0 3 * * *", "2027-03-27T12:00Z");
lasts("Australia/Lord_Howe", "0 2 * * *", "15 2 * * *", "2026-10-03T12:00Z");
lasts("Africa/Cairo", "0 0 * * FRI", "30 0 * * FRI", "2026-04-23T12:00Z");
JS
diff - <(node seen.mjs) <<'SEEN'
Europe/Berlin 2027-03-28T01:00:00.000Z lasts 24 h
Australia/Lord_Howe 2026-10-03T15:30:00.000Z lasts 23.75 h
Africa/Cairo 2026-04-23T22:00:00.000Z lasts 167.5 h
SEEN
echo "still so"
