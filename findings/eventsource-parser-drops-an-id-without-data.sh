#!/usr/bin/env bash
# What eventsource-parser makes of a block that has an id and no data.
#
# Versions: eventsource-parser 3.1.0 and 3.1.1 (any Node), 4.1.3 (asks for Node >= 22.12), Node 20.20.2.
# Valid input: "id: 5-1" and an empty line. By the HTML standard such a block dispatches no event, but it sets the last
# event id, with which a browser comes back.
# Behaviour: 3.1.0 and 3.1.1 have no way to learn of that id: there is no `onId`, and the next event does not carry it.
# A reader that is cut off before the first event comes back without an id, and misses what happened. 4.1.3 has `onId`.
#
# Output seen:
#   3.1.0: event "x" with id undefined; ids told: none
#   3.1.1: event "x" with id undefined; ids told: none
#   4.1.3: event "x" with id undefined; ids told: 5-1
#
# Exits 0 while this is so, 1 once it is not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >package.json <<'JSON'
{
  "private": true,
  "type": "module",
  "dependencies": {
    "parser-3.1.0": "npm:eventsource-parser@3.1.0",
    "parser-3.1.1": "npm:eventsource-parser@3.1.1",
    "parser-4.1.3": "npm:eventsource-parser@4.1.3"
  }
}
JSON
npm install --silent --no-audit --no-fund
cat >run.mjs <<'JS'
for (const version of ["3.1.0", "3.1.1", "4.1.3"]) {
  const { createParser } = await import(`parser-${version}`);
  const ids = [];
  const events = [];
  const parser = createParser({ onEvent: (event) => events.push(event), onId: (id) => ids.push(id) });
  parser.feed("id: 5-1\n\ndata: x\n\n");
  const [{ data, id }] = events;
  console.log(`${version}: event "${data}" with id ${id}; ids told: ${ids.join(" ") || "none"}`);
}
JS
node run.mjs >seen.txt
cat seen.txt
diff - seen.txt <<'SEEN'
3.1.0: event "x" with id undefined; ids told: none
3.1.1: event "x" with id undefined; ids told: none
4.1.3: event "x" with id undefined; ids told: 5-1
SEEN
