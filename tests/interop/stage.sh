# shellcheck shell=bash disable=SC2034
# Read by the walks beside it: a seeded server on loopback, two phones signed in by the terminal client, and what says
# whether a step held. Everything lies in one folder that is removed at the end; the server ends by its process id.
# Bash 3.2 is enough.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
PATH="$root/target/debug:$PATH"
work="$(mktemp -d)"
data="$work/server"
server=""
# Processes that a step starts and may leave behind when it fails.
helpers=""
held=0
walk_ends() {
  local status=$? id
  for id in $server $helpers; do kill -KILL "$id" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if [ "$status" != 0 ]; then
    echo "FAILED after $held steps; the server's last words:"
    tail -n 20 "$work/server.log" 2>/dev/null || true
    echo "test result: FAILED. $held passed; 1 failed;"
  fi
  rm -rf "$work"
  exit "$status"
}
trap walk_ends EXIT
trap 'exit 130' INT TERM

# The settings of whoever runs this are not the walk's: the server refuses names that it does not know.
for name in $(env | sed -n 's/^\(PORTICO_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done

# Far above anything that happens here, so that a hang is told from a slow machine.
HANGS_AFTER_S=60

# until_true WHAT COMMAND...: asks again until the command succeeds. It polls without a pause: each asking is a process.
until_true() {
  local what="$1" give_up=$((SECONDS + HANGS_AFTER_S))
  shift
  until "$@"; do
    if [ "$SECONDS" -ge "$give_up" ]; then
      echo "$what does not come" >&2
      return 1
    fi
  done
}

# same STEP WANTED FOUND: a step that holds, or the end of the walk.
same() {
  if [ "$2" != "$3" ]; then
    printf 'step: %s\n  wanted: %s\n  found:  %s\n' "$1" "$2" "$3" >&2
    return 1
  fi
  held=$((held + 1))
  echo "ok: $1 ($3)"
}

# At least one: a walk that checked nothing has failed.
walk_is_over() {
  [ "$held" -gt 0 ]
  echo "test result: ok. $held passed; 0 failed;"
}

sha256_of() { openssl dgst -sha256 -r "$@" | cut -d ' ' -f 1; }

# Seeds the firm and serves it on a free port.
start_server() {
  portico-server --data "$data" seed --json >"$work/firm.json"
  serve
}

# Serves what is there, on another free port than before.
serve() {
  portico-server --data "$data" serve --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    >"$work/server.out" 2>"$work/server.log" &
  server=$!
  until_true "the server's address" grep -qs '^listening on ' "$work/server.out"
  origin="$(sed -n 's/^listening on //p' "$work/server.out")"
}

# Ends the server, and holds every hash of its log and files against what it stored.
verify_server() {
  kill -KILL "$server"
  wait "$server" 2>/dev/null || true
  server=""
  local said
  said="$(portico-server --data "$data" verify)"
  same "the stopped server's log and files are whole" " 0 faults" "$(printf %s "$said" | grep -o ' 0 faults' || printf %s "$said")"
}

# begin HOME EMAIL: a sign-in of a phone of its own, which CODE answers: the one in the server's mail folder.
begin() {
  local challenge
  challenge="$(portico --json --home "$1" sign-in --begin --server "$origin" --email "$2" | jq -r .challenge_id)"
  until_true "the mail with a code" mailed "$challenge"
  CODE="$(sed -n 's/^    //p' "$data"/mail/*"$challenge".eml | head -n 1)"
}

# sign_in HOME EMAIL: the whole of it, where the mailed code is enough.
sign_in() {
  begin "$1" "$2"
  portico --json --home "$1" sign-in --code "$CODE" >/dev/null
}

mailed() { ls "$data"/mail/*"$1".eml >/dev/null 2>&1; }

# How many messages with files a phone shows in a conversation.
batches_of() { portico --json --home "$1" read "$2" --limit 1000 | jq '[.items[].entry | select((.files // []) != [])] | length'; }

# arrived HOME CONVERSATION TEXT ORIGINAL...: one message with that text, and its files, saved, are the originals.
arrived() {
  local home="$1" conversation="$2" text="$3" seq saved original
  shift 3
  seq="$(portico --json --home "$home" read "$conversation" --limit 1000 |
    jq --arg text "$text" -r '.items[].entry | select(.body? == $text) | .seq')"
  saved="$(mktemp -d "$work/saved.XXXXXX")"
  # Two messages make two numbers, which is no number.
  portico --home "$home" download "$conversation" "$seq" --to "$saved" >/dev/null
  for original in "$@"; do
    same "$text: $(basename "$original") is what was sent" "$(sha256_of "$original")" "$(sha256_of "$saved/$(basename "$original")")"
  done
  same "$text: no other file came" "$#" "$(find "$saved" -type f | wc -l | tr -d ' ')"
}
