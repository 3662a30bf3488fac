#!/bin/sh
# Every effect on a workspace's process happens here: under the lock of the workspace's control directory, and only for
# the newest fencing token. A worker that was paused past its lease, and a launcher that comes late, are refused.
#
#   claim  DIR TOKEN                           claimed | superseded SEEN
#   signal DIR TOKEN NAME                      signalled | gone | elsewhere HOST | superseded SEEN | unclaimed
#   launch DIR TOKEN FILES CYCLE COMMAND...    nothing, and becomes COMMAND | running | elsewhere HOST | superseded … | unclaimed
#   clear  DIR TOKEN                           cleared | running | elsewhere HOST | superseded SEEN | unclaimed
#   look   DIR                                 running | gone | elsewhere HOST     (reads only, takes no lock)
#   forget DIR                                 forgotten | running | elsewhere HOST
#
# The answer is the line on stdout ("busy" from any that takes the lock: somebody held it for 10 s). A status other than
# 0 is a failure nobody foresaw, explained on stderr.
#
# DIR holds: lock · token, the highest seen · process, the record of what was launched · alive, locked by that process
# for as long as it lives · log and log.previous. All names here start with fenced_, because the launched command
# inherits this shell's environment.
set -eu

fenced_path=$PATH
PATH=/usr/local/bin:/usr/bin:/bin:$PATH
fenced_verb=$1
fenced_dir=$2

reply() {
  echo "$*"
  exit 0
}

lock() {
  while :; do
    exec 9>>lock
    flock -w 10 9 || reply busy
    # `forget` may have removed the file while we waited for it: a lock on that one guards nothing.
    if [ lock -ef "/proc/$$/fd/9" ]; then return 0; fi
  done
}

read_token() {
  fenced_seen=0
  if [ -f token ]; then read -r fenced_seen <token; fi
  case $fenced_seen$fenced_token in
    *[!0-9]*) echo "not a token: '$fenced_seen' or '$fenced_token'" >&2; exit 1 ;;
  esac
  if [ "$fenced_seen" -gt "$fenced_token" ]; then reply superseded "$fenced_seen"; fi
}

enter_claimed() {
  cd "$fenced_dir" 2>/dev/null || reply unclaimed
  lock
  read_token
  if [ "$fenced_seen" -ne "$fenced_token" ]; then reply unclaimed; fi
}

# Was this process launched for the record? Asked only about members of a group whose leader is gone.
is_marked() {
  tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | LC_ALL=C grep -qxF "RESTART_FENCING_TOKEN=$fenced_recorded_token" &&
    tr '\0' '\n' 2>/dev/null <"/proc/$1/environ" | LC_ALL=C grep -qxF "WORKSPACE_ID=${fenced_dir##*/}"
}

# Takes a line of /proc/PID/stat. The name in it may hold anything, so the words are counted from behind it.
parse_stat() {
  set -- ${1##*) }
  fenced_stat_state=$1 fenced_stat_group=$3 fenced_stat_start=${20}
}

# Sets fenced_state to running (the recorded process, or any of its group), gone, or elsewhere.
look() {
  fenced_state=gone
  if [ ! -f process ]; then return 0; fi
  fenced_pid='' fenced_start='' fenced_boot='' fenced_pidns='' fenced_host='' fenced_recorded_token=''
  while IFS='=' read -r fenced_key fenced_value; do
    case $fenced_key in
      pid) fenced_pid=$fenced_value ;;
      start) fenced_start=$fenced_value ;;
      boot) fenced_boot=$fenced_value ;;
      pidns) fenced_pidns=$fenced_value ;;
      host) fenced_host=$fenced_value ;;
      token) fenced_recorded_token=$fenced_value ;;
    esac
  done <process

  read -r fenced_here </proc/sys/kernel/random/boot_id
  if [ "$fenced_boot $fenced_pidns" != "$fenced_here $(readlink /proc/self/ns/pid)" ]; then
    # Its pid means nothing here, its lock does: nobody holds it after a reboot, or once its container is gone.
    exec 8>>alive
    flock -n -s 8 || fenced_state=elsewhere
    exec 8>&-
    return 0
  fi

  fenced_leader=$(cat "/proc/$fenced_pid/stat" 2>/dev/null) || fenced_leader=
  if [ -n "$fenced_leader" ]; then
    parse_stat "$fenced_leader"
    # Another start time: the pid was reused, which it cannot be while a process of the old group lives.
    if [ "$fenced_stat_start" != "$fenced_start" ]; then return 0; fi
    case $fenced_stat_state in
      Z | X) ;;
      *) fenced_state=running; return 0 ;;
    esac
  fi
  # The leader is dead. Others of its group may live; zombies do not count.
  for fenced_member in $(LC_ALL=C sed -n "s/^\([0-9]*\) (.*) [^ZX] [0-9]* $fenced_pid [0-9 -]*\$/\1/p" /proc/[0-9]*/stat 2>/dev/null || :); do
    if [ -n "$fenced_leader" ] || is_marked "$fenced_member"; then fenced_state=running; return 0; fi
  done
}

say_state() {
  case $fenced_state in
    elsewhere) reply elsewhere "$fenced_host" ;;
    *) reply "$fenced_state" ;;
  esac
}

case $fenced_verb in
  claim)
    fenced_token=$3
    umask 077
    mkdir -p "$fenced_dir"
    cd "$fenced_dir"
    lock
    read_token
    echo "$fenced_token" >token.new
    mv -f token.new token
    reply claimed
    ;;

  signal)
    fenced_token=$3
    enter_claimed
    look
    if [ "$fenced_state" != running ]; then say_state; fi
    if ! kill -s "$4" -- "-$fenced_pid"; then
      look
      if [ "$fenced_state" != running ]; then say_state; fi
      exit 1
    fi
    reply signalled
    ;;

  launch)
    fenced_token=$3 fenced_files=$4 fenced_cycle=$5
    shift 5
    enter_claimed
    look
    if [ "$fenced_state" != gone ]; then say_state; fi

    parse_stat "$(cat "/proc/$$/stat")"
    if [ "$fenced_stat_group" != "$$" ]; then
      echo "the launcher must lead its own process group" >&2
      exit 1
    fi
    mkdir -p "$fenced_files"
    if [ -f log ]; then
      tail -c 1048576 log >log.previous || :
      rm -f log
    fi
    # A new file for every launch: a daemon that left the old group may hold the old one's lock for ever.
    rm -f alive
    exec 8>>alive
    flock -w 10 8
    read -r fenced_boot </proc/sys/kernel/random/boot_id
    read -r fenced_host </proc/sys/kernel/hostname
    printf '%s\n' "pid=$$" "start=$fenced_stat_start" "boot=$fenced_boot" "pidns=$(readlink /proc/self/ns/pid)" \
      "host=$fenced_host" "cycle=$fenced_cycle" "token=$fenced_token" >process.new
    mv -f process.new process
    exec 9>&-

    cd "$fenced_files"
    PATH=$fenced_path
    # Closes the worker's pipes, which tells it that the launch was not refused.
    exec </dev/null >>"$fenced_dir/log" 2>&1
    exec "$@"
    ;;

  clear)
    fenced_token=$3
    enter_claimed
    look
    if [ "$fenced_state" != gone ]; then say_state; fi
    rm -f process alive
    reply cleared
    ;;

  look)
    cd "$fenced_dir" 2>/dev/null || reply gone
    look
    say_state
    ;;

  forget)
    cd "$fenced_dir" 2>/dev/null || reply forgotten
    lock
    look
    if [ "$fenced_state" != gone ]; then say_state; fi
    rm -f process process.new alive token token.new log log.previous lock
    cd /
    rmdir "$fenced_dir"
    reply forgotten
    ;;

  *)
    echo "unknown verb: $fenced_verb" >&2
    exit 2
    ;;
esac
