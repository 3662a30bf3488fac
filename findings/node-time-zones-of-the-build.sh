#!/usr/bin/env bash
# Node 20.20.2 and 24.21.0: the same program, the same instant, the same zone, and clocks an hour apart.
#
# Behaviour: Node takes time zones from the ICU it was built with, not from the system: tzdata brought up to date by apt, or
# TZDIR, changes nothing. British Columbia keeps summer time from 2026 on and Morocco has gone back to GMT; the last
# release of Node 20 has the rules of 2025c, which know of neither, and Node 20 is out of support.
# Who is hurt: whoever runs replicas on two versions, or one on the older: opening times, quotas per day, quiet hours.
# Here: processes say which rules they have (zoneRules) and warn while they differ; the image is made of a Node with those
# of 2026. ICU_TIMEZONE_FILES_DIR brings newer ones to an older Node: docs/policies.md.
#
# Seen:
#   v20.20.2 2025c Vancouver 04:00, Casablanca 13:00
#   v24.21.0 2026c Vancouver 05:00, Casablanca 12:00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >seen.cjs <<'JS'
const at = (timeZone) => new Date("2026-12-01T12:00Z").toLocaleTimeString("en-GB", { timeZone, timeStyle: "short" });
const { node, tz } = process.versions;
console.log(`v${node} ${tz} Vancouver ${at("America/Vancouver")}, Casablanca ${at("Africa/Casablanca")}`);
JS
for version in 20.20.2 24.21.0; do
  npm install --silent --no-audit --no-fund --prefix "$folder/$version" "node@$version"
  TZDIR=/usr/share/zoneinfo "$folder/$version/node_modules/node/bin/node" seen.cjs >>seen.txt
done
diff - seen.txt <<'SEEN'
v20.20.2 2025c Vancouver 04:00, Casablanca 13:00
v24.21.0 2026c Vancouver 05:00, Casablanca 12:00
SEEN
echo "still so"
