#!/usr/bin/env bash
# A batch carried by tus-js-client, a client of the IETF's resumable uploads that others wrote: as it comes from its
# registry, by the capability's header alone, killed in the middle and going on. Run by `tests/run interop`, which
# installs it into the folder that is this script's argument.
program="$(cd "$1" && pwd)/carry.mjs"
# shellcheck source=tests/interop/stage.sh
source "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

# queue TEXT FILE...: a batch without a network, handed over; KEY is its key, handed.json says where to.
queue() {
  local text="$1"
  shift
  KEY="$(portico --offline --json send Haddad "$text" --attach "$@" | jq -r .send_key)"
  portico --json transfer "$KEY" >handed.json
  length="$(jq -r .length_bytes handed.json)"
}

# carry ARGUMENTS...: runs the client; its lines are in `carried`, its exit code in `ended`.
carry() {
  node "$program" handed.json answer.json "$@" >carried 2>&1 &
  helpers=$!
  ended=0
  # In the background, for a shell tells of a child that was killed where it waits.
  wait "$helpers" 2>/dev/null || ended=$?
  helpers=""
}

# What the client said, in one line.
said() { tr '\n' '|' <carried; }

# Where the upload stands, as the client heard first.
first_offset() { sed -n '1s/^HEAD 204 //p' carried; }

# Where the server says that the upload stands.
stands() {
  local capability
  capability="$(jq -r '.headers[] | select(.[0] == "portico-upload") | .[1]' handed.json)"
  curl -sSI -H "portico-upload: $capability" "$(jq -r .url handed.json)" | tr -d '\r' | sed -n 's/^upload-offset: //p'
}

# Whether it stands beyond what the client heard.
moved_on() { [ "$(stands)" -gt "$stood" ]; }

# within FIRST NUMBER LAST: yes, or the number.
within() {
  if [ "$1" -lt "$2" ] && [ "$2" -lt "$3" ]; then echo yes; else echo "$2"; fi
}

# taken_back TEXT FILE...: the phone takes the batch of KEY back with the client's answer, and it arrived.
taken_back() {
  local text="$1"
  shift
  portico transfer "$KEY" --done --answer answer.json
  arrived "$work/mara" "$claim" "$text" "$@"
}

start_server
claim="$(jq -r .conversations.claim "$work/firm.json")"
sign_in "$work/amina" "$(jq -r .people.amina.email "$work/firm.json")"
sign_in "$work/mara" "$(jq -r .people.mara.email "$work/firm.json")"
mkdir "$work/photos"
cd "$work/photos"
head -c 14000000 /dev/urandom >bumper.jpg
head -c 10000000 /dev/urandom >door.jpg
: >nothing.jpg
export PORTICO_HOME="$work/amina"

echo "-- one request, uncut"
queue 'The photos' ./*.jpg
carry
same "it asks, sends everything in one PATCH, and is done" "HEAD 204 0|PATCH 200 $length|done|" "$(said)"
taken_back 'The photos' ./*.jpg

echo "-- killed three times within the bytes"
queue 'The cut ones' ./*.jpg
stood=-1
for run in first second third; do
  carry --dies-after 5000000
  same "the $run run dies by SIGKILL" 137 "$ended"
  same "having gone on beyond byte $stood" yes "$(within "$stood" "$(first_offset)" "$length")"
  stood="$(first_offset)"
  until_true "the end of the $run run" moved_on
done
same "nothing is seen of half a batch" 1 "$(batches_of "$work/mara" "$claim")"
carry
same "the last run goes on beyond byte $stood" yes "$(within "$stood" "$(first_offset)" "$length")"
same "to the end" "PATCH 200 $length|done|" "$(tail -n 2 carried | tr '\n' '|')"
taken_back 'The cut ones' ./*.jpg

echo "-- in parts of 1 MiB, stopped and started in the middle"
queue 'The ones in parts' ./*.jpg
carry --chunk 1048576 --stops-after 9000000
# 15 whole chunks of 65,552 bytes: the half one is not counted, and the client sends it again.
same "the first part counts as far as its last whole chunk" "PATCH 204 983280" "$(sed -n 2p carried)"
# Twice, or three times where it asked before the server had ended the request: then it heard 409 and asked again.
same "it asks anew after the stop" yes "$(within 1 "$(grep -c '^HEAD' carried)" 4)"
same "to the end" "PATCH 200 $length|done|" "$(tail -n 2 carried | tr '\n' '|')"
taken_back 'The ones in parts' ./*.jpg

echo "-- what it can not do"
queue 'Empty' ./nothing.jpg
carry
# It takes an upload that stands at its end for committed, and the server says `Upload-Complete: ?0`.
same "of a pack without a byte it sends nothing" "HEAD 204 0|done|" "$(said)"
portico transfer "$KEY" --done --answer answer.json
portico outbox
arrived "$work/mara" "$claim" 'Empty' ./nothing.jpg
queue 'Of an older draft' ./door.jpg
carry --protocol ietf-draft-03
# Interop version 5 has no media type for a part, which is what tells a part from a stranger's body here.
same "of an older draft no part is taken" "1 0" "$ended $(stands)"
# 10 MB lie on the line by then: they are read, so that the answer is not lost with the connection.
same "and it is told why" "PATCH 400 -" "$(grep '^PATCH' carried || tail -n 1 carried)"
: >answer.json
portico transfer "$KEY" --done --answer answer.json
portico outbox
arrived "$work/mara" "$claim" 'Of an older draft' ./door.jpg

same "each batch is one message" 5 "$(batches_of "$work/mara" "$claim")"
verify_server
walk_is_over
