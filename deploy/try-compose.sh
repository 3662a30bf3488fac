#!/usr/bin/env bash
# Tries docker-compose.yml for real: brings it up, writes bursts of files through the one port, kills a worker and a
# replica in the middle, and looks whether the workspace serves what was written last. Ends with 0 only if all held.
#
#   deploy/try-compose.sh            with images made from this machine's programs, without a registry
#   LOCAL=0 deploy/try-compose.sh    with the public images
#
# Takes a minute or two. A project name of its own: it touches no other containers, and leaves none. The images stay.
set -euo pipefail
cd "$(dirname "$0")/.."

docker info >/dev/null 2>&1 || { echo "try-compose: no Docker engine answers" >&2; exit 1; }
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi

if [ "${LOCAL:-1}" = 1 ]; then
  export REDIS_IMAGE=redis:7-local NODE_IMAGE=node:20-local HAPROXY_IMAGE=haproxy:local
  images=("$REDIS_IMAGE" "$NODE_IMAGE" "$HAPROXY_IMAGE")
  docker image inspect "${images[@]}" >/dev/null 2>&1 || sh scripts/local-images.sh
  docker image inspect "${images[@]}" >/dev/null || { echo "try-compose: install haproxy first" >&2; exit 1; }
fi
ours=label=com.docker.compose.project=restart-try-$$
token=$(node -p 'require("node:crypto").randomBytes(24).toString("hex")')
export COMPOSE_PROJECT_NAME="restart-try-$$" IMAGE=restart-coordinator:try
export API_TOKENS="try:admin:$token" REDIS_PASSWORD="$token" PUBLISH=127.0.0.1: # any free port
export RESTART_LEASE_MS=4000 RESTART_COOLDOWN_MS=4000   # less waiting; the debounce windows are the real ones

scratch=$(mktemp -d)
killer=
finish() {
  status=$?
  trap - EXIT
  [ -z "$killer" ] || kill "$killer" 2>/dev/null || :
  if [ "$status" -ne 0 ]; then
    "${compose[@]}" ps || :
    "${compose[@]}" logs --no-color --tail=30 worker-1 worker-2 api || :
  fi
  "${compose[@]}" down --volumes --remove-orphans >"$scratch/down" 2>&1 || { cat "$scratch/down"; status=1; }
  left=$(docker ps -aq --filter "$ours" && docker volume ls -q --filter "$ours" && docker network ls -q --filter "$ours") || status=1
  [ -z "$left" ] || { echo "left behind: $left"; status=1; }
  rm -rf "$scratch"
  if [ "$status" -eq 0 ]; then echo "all held, after $SECONDS s"; else echo "DID NOT HOLD"; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() { say "FAILED: $*"; exit 1; }

# within SECONDS WHAT COMMAND...: waits until the command succeeds.
within() {
  local until=$((SECONDS + $1)) what=$2
  shift 2
  while ! "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$until" ] || fail "not in time: $what"
    sleep 0.3
  done
}

# call METHOD PATH [curl options]: the answer's body; fails unless it is 2xx. No retry here: the load balancer's are tried.
call() {
  local method=$1 path=$2
  shift 2
  curl -sS --fail-with-body --max-time 90 -X "$method" -H "Authorization: Bearer $token" "$@" "http://$port$path"
}
json() { node -e 'const it = JSON.parse(require("node:fs").readFileSync(0, "utf8")); console.log(eval(process.argv[1]))' "$1"; }
workspace() { call GET /workspaces/demo | json "$1"; }

# burst NAME COUNT: so many writes one after the other, each answered with 2xx, the last of them to page.txt.
burst() {
  local n
  for n in $(seq 1 "$2"); do
    call PUT "/workspaces/demo/files/page.txt" --data-binary "$1, write $n" >"$scratch/answer" ||
      fail "$1, write $n: $(cat "$scratch/answer")"
    echo "$n" >"$scratch/written"
  done
  last="$1, write $2"
}

# containers_of api|worker|… [docker ps options]; the workers are two services.
containers_of() {
  local service services=$1
  [ "$1" != worker ] || services="worker-1 worker-2"
  for service in $services; do
    docker ps "${@:2}" -q --filter "$ours" --filter "label=com.docker.compose.service=$service"
  done
}
running() { containers_of "$1"; }
healthy() { containers_of "$1" --filter health=healthy; }
count() { "$@" | wc -l; }
is_complete() { [ "$(count running api) $(count running worker)" = "3 2" ]; }

# What the workspace's process answers; it read page.txt when it started. Asked from inside, by whichever worker lives.
served() {
  docker exec "$(running worker | head -n 1)" \
    node -e 'fetch("http://127.0.0.1:3000").then((answer) => answer.text()).then(console.log)'
}
owed() { workspace '[it.restart.phase, it.restart.generation - it.restart.observedGeneration]'; }
is_settled() { [ "$(served)" = "$last" ] && [ "$(owed)" = "[ 'idle', 0 ]" ]; }
# How many of the replicas answered the latest requests, by the load balancer's own log.
replicas_seen() { docker logs --tail 30 "$(running lb)" 2>/dev/null | grep -o ' api/api[0-9]*' | sort -u | wc -l; }
cycles() { call GET '/workspaces/demo/activity?limit=200' | json 'it.activity.filter(({ event }) => event == "WORKSPACE_AUTO_RESTART_FIRED").length'; }

say "up, with ${compose[*]}"
"${compose[@]}" up -d --build >"$scratch/up" 2>&1 || { tail -n 40 "$scratch/up"; fail "up"; }
address() { port=$("${compose[@]}" port lb 8080) && [ -n "$port" ]; }
within 20 "the published port" address
within 60 "readiness through the port" curl -fsS "http://$port/readyz"
is_complete || fail "expected 3 replicas and 2 workers"
are_healthy() { [ "$(count healthy api) $(count healthy worker)" = "3 2" ]; }
within 60 "3 healthy replicas and 2 healthy workers" are_healthy
say "ready on $port: 3 API replicas, 2 workers"

server='const page = require("node:fs").readFileSync("page.txt");
  const { createServer } = require("node:http");
  setTimeout(() => createServer((_, response) => response.end(page)).listen(3000, "127.0.0.1"), 2500);'
spec=$(node -p 'JSON.stringify({ spec: {
  command: ["node", "-e", process.argv[1]],
  readiness: { kind: "url", url: "http://127.0.0.1:3000/" } } })' "$server")
call PUT /workspaces/demo -H 'Content-Type: application/json' --data "$spec" >/dev/null

# --- One burst, nothing in its way.
burst "calm" 60
within 60 "the last content of the calm burst" is_settled
cost=$(cycles)
[ "$cost" -le 2 ] || fail "60 writes cost $cost cycles, at most 2 were promised"
seen=$(replicas_seen)
[ "$seen" = 3 ] || fail "only $seen replicas answered"
say "60 writes, answered by all 3 replicas: $cost cycles, and the last one is served"

# --- A burst; in its middle the worker that has just launched the workspace anew, and an API replica, are killed.
# The process of the workspace: its worker's container and its pid.
process() {
  local id
  for id in $(running worker); do
    docker top "$id" -o pid,args | awk -v id="$id" '/page\.txt/ { print id, $1 }'
  done
}
before=$(process)
is_launched_anew() { launched=$(process) && [ -n "$launched" ] && [ "$launched" != "$before" ]; }
sleep 5 # past the cooldown: the burst's first write starts a cycle at once
(
  within 60 "a new process" is_launched_anew
  docker kill "${launched% *}" >/dev/null
  echo "write $(cat "$scratch/written")" >"$scratch/worker-killed"
  sleep 0.5
  docker kill "$(running api | head -n 1)" >/dev/null
  echo "write $(cat "$scratch/written")" >"$scratch/api-killed"
) &
killer=$!
burst "troubled" 300
wait "$killer" || fail "nothing was killed"
killer=
say "300 writes, all acknowledged; killed a worker at $(cat "$scratch/worker-killed"), a replica at $(cat "$scratch/api-killed")"
[ "$(count running api) $(count running worker)" = "2 1" ] || fail "expected 2 replicas and 1 worker to be left"
within 60 "the last content of the troubled burst" is_settled
takeovers=$(call GET '/workspaces/demo/activity?limit=200' | json 'it.activity.filter(({ payload }) => payload.attempt === 2).length')
[ "$takeovers" -gt 0 ] || fail "no cycle was taken over: was the worker killed too late?"
say "the killed worker's cycle was taken over, and the last content is served by what is left: 2 replicas, 1 worker"

# --- Everything back, at new addresses; a whole set of files of the largest size; then a frozen replica.
"${compose[@]}" up -d >"$scratch/up" 2>&1 || { cat "$scratch/up"; fail "up again"; }
within 30 "3 replicas and 2 workers again" is_complete
sleep 3
burst "again" 60
seen=$(replicas_seen)
[ "$seen" = 3 ] || fail "only $seen replicas answered after one was started anew"
node -e '
  const big = { base64: require("node:crypto").randomBytes(10_400_000).toString("base64") };
  const files = { "page.txt": "a set of 52 MB", ...Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`big/${n}`, big])) };
  process.stdout.write(JSON.stringify({ files }));
' >"$scratch/set.json"
call PUT /workspaces/demo/files -H 'Content-Type: application/json' --data-binary "@$scratch/set.json" >"$scratch/answer" ||
  fail "a set of $(wc -c <"$scratch/set.json") bytes: $(cat "$scratch/answer")"
last="a set of 52 MB"
within 60 "the content of the large set" is_settled
say "3 replicas answer again; a body of $(wc -c <"$scratch/set.json") bytes went through, and its content is served"

frozen=$(running api | tail -n 1)
docker pause "$frozen" >/dev/null
sleep 8 # two failed checks
burst "frozen" 30
docker unpause "$frozen" >/dev/null
within 60 "the last content of the frozen burst" is_settled
say "30 writes while a replica was frozen: all acknowledged, the last one is served"

stopped_in=$SECONDS
"${compose[@]}" stop >/dev/null 2>&1
for id in $(containers_of api --all) $(containers_of worker --all); do
  code=$(docker inspect -f '{{.State.ExitCode}}' "$id")
  [ "$code" = 0 ] || fail "container $id ended with $code at a plain stop"
done
say "a plain stop ended all replicas and workers cleanly, in $((SECONDS - stopped_in)) s"
