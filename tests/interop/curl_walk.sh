#!/usr/bin/env bash
# A batch carried by curl alone: what docs/uploads.md shows under "By curl" stands here word for word (tidy compares),
# and is run against the real binaries, with real cuts. Run by `tests/run interop`, which builds them.
source "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

# What is given to the line before it is cut, and the last chunk's edge within it: 45 sealed chunks of 65,552 bytes.
cut_at=3000000
edge=2949840

# hand_over: where the batch of KEY goes, and by what right. What was handed over before ends.
hand_over() {
  portico --json transfer "$KEY" >handed.json           # the same, for a program to read
  URL=$(jq -r .url handed.json)
  PACK=$(jq -r .file handed.json)
  CAPABILITY=$(jq -r '.headers[] | select(.[0] == "portico-upload") | .[1]' handed.json)
}

# cut_upload: a PATCH whose process is killed in the middle of its body. Ends when the server states what it keeps.
cut_upload() {
  local cut
  rm -f "$work/line"
  mkfifo "$work/line"
  curl -sS -o "$work/cut.json" -X PATCH "$URL" -T - -H "portico-upload: $CAPABILITY" \
    -H 'content-type: application/partial-upload' -H 'upload-offset: 0' -H 'upload-complete: ?1' <"$work/line" &
  cut=$!
  helpers="$cut"
  # Held open, so that curl waits for more: it dies within the body and not at its end.
  exec 3>"$work/line"
  head -c "$cut_at" "$PACK" >&3
  until_true "the first half of the upload" holds_segment_of "$edge"
  kill -KILL "$cut"
  wait "$cut" 2>/dev/null || true
  helpers=""
  exec 3>&-
  until_true "the end of the upload that was cut" stands_at "$edge"
}

# What the server has written of the newest upload: it states nothing before 8 MiB, or the end of the request.
holds_segment_of() { find "$data/blobs" -name '*.pack' -newer handed.json -size "+$(($1 - 1))c" | grep -q .; }

# offset_of CAPABILITY: what HEAD says; nothing where it says no.
offset_of() { curl -sSI -H "portico-upload: $1" "$URL" | tr -d '\r' | sed -n 's/^upload-offset: //p'; }

stands_at() { [ "$(offset_of "$CAPABILITY")" = "$1" ]; }

# answer_to ARGUMENTS...: one request; the status of its answer, and the problem's type or the message's id.
answer_to() {
  local status
  status="$(curl -sS -o "$work/answer" -w '%{http_code}' "$@" "$URL")"
  echo "$status $(jq -r '.type // .entry.entry_id' "$work/answer")"
}

# no_bytes CAPABILITY OFFSET COMPLETE: a PATCH without a byte; the status, and where the upload stands.
no_bytes() {
  curl -sS -i -X PATCH "$URL" --data-binary '' -H "portico-upload: $1" -H 'content-type: application/partial-upload' \
    -H "upload-offset: $2" -H "upload-complete: $3" | tr -d '\r' |
    awk '/^HTTP/ { status = $2 } /^upload-offset:/ { offset = $2 } /^upload-complete:/ { complete = $2 }
      END { print status, offset, complete }'
}

# state_of_key: what the phone says of the batch of KEY.
state_of_key() { portico --offline --json outbox | jq -r --arg key "$KEY" '.outbox[] | select(.send_key == $key) | .state'; }

start_server
claim="$(jq -r .conversations.claim "$work/firm.json")"
sign_in "$work/amina" "$(jq -r .people.amina.email "$work/firm.json")"
sign_in "$work/mara" "$(jq -r .people.mara.email "$work/firm.json")"
mkdir "$work/photos" "$work/empty"
cd "$work/photos"
head -c 4000000 /dev/urandom >bumper.jpg
head -c 1800000 /dev/urandom >door.jpg
head -c 1 /dev/urandom >speck.jpg
export PORTICO_HOME="$work/amina"

echo "-- the whole of it, by the command that is printed"
KEY=$(portico --offline --json send Haddad 'The photos' --attach *.jpg | jq -r .send_key)  # queued, not sent
portico transfer "$KEY" | sh >answer.json             # what it prints: curl -sS -T 'PACK' -H 'portico-upload: ...' 'URL'
portico transfer "$KEY" --done --answer answer.json   # the phone takes it back: Accepted by the server.
same "the phone has an end of it" "" "$(state_of_key)"
arrived "$work/mara" "$claim" 'The photos' *.jpg

echo "-- cut, and on where the server stands"
KEY=$(portico --offline --json send Haddad 'The cut ones' --attach *.jpg | jq -r .send_key)
same "what is queued without a network waits" queued "$(state_of_key)"
hand_over
same "the phone leaves it to whom it was handed" handed_to_os "$(state_of_key)"
cut_upload
OFFSET=$(curl -sSI -H "portico-upload: $CAPABILITY" "$URL" | tr -d '\r' | sed -n 's/^upload-offset: //p')
same "the offset is the last whole chunk's edge" "$edge" "$OFFSET"
same "nothing is seen of half a batch" 1 "$(batches_of "$work/mara" "$claim")"
same "a PATCH of no bytes that is not the last says where it stands" "204 $edge ?0" "$(no_bytes "$CAPABILITY" "$OFFSET" '?0')"
same "and one from elsewhere says so" "409 $edge ?0" "$(no_bytes "$CAPABILITY" 0 '?0')"
tail -c +$((OFFSET + 1)) "$PACK" | curl -sS -X PATCH "$URL" -T - -o answer.json -H "portico-upload: $CAPABILITY" \
  -H 'content-type: application/partial-upload' -H "upload-offset: $OFFSET" -H 'upload-complete: ?1'
portico transfer "$KEY" --done --answer answer.json
length="$(jq -r .length_bytes handed.json)"
same "a PATCH of no bytes at the end gives the same answer" "200 $length ?1" "$(no_bytes "$CAPABILITY" "$length" '?1')"
same "so does the whole pack again" "200 $(jq -r .entry.entry_id answer.json)" \
  "$(answer_to -T "$PACK" -H "portico-upload: $CAPABILITY")"
arrived "$work/mara" "$claim" 'The cut ones' *.jpg

echo "-- cut, handed over anew, and the whole of it from its first byte"
KEY=$(portico --offline --json send Haddad 'The ones handed over twice' --attach *.jpg | jq -r .send_key)
hand_over
cut_upload
old="$CAPABILITY"
hand_over
gone="410 urn:portico:problem:upload_gone"
same "an old capability appends nothing" "410  " "$(no_bytes "$old" "$edge" '?1')"
same "nor does it send the whole" "$gone" "$(answer_to -T "$PACK" -H "portico-upload: $old")"
same "nor does it cancel" "$gone" "$(answer_to -X DELETE -H "portico-upload: $old")"
same "nor does it read the offset" "" "$(offset_of "$old")"
same "the new one stands where the old one stood" "$edge" "$(offset_of "$CAPABILITY")"
curl -sS -T "$PACK" -H "portico-upload: $CAPABILITY" -o answer.json "$URL"
portico transfer "$KEY" --done --answer answer.json
arrived "$work/mara" "$claim" 'The ones handed over twice' *.jpg

echo "-- files without a byte"
: >"$work/empty/one.txt"
: >"$work/empty/two.txt"
KEY=$(portico --offline --json send Haddad 'Empty ones' --attach "$work"/empty/*.txt | jq -r .send_key)
hand_over
same "a PATCH of no bytes commits them" "200 0 ?1" "$(no_bytes "$CAPABILITY" 0 '?1')"
# The answer is lost on purpose: the phone asks the server itself.
portico transfer "$KEY" --done
same "the phone found out" "" "$(state_of_key)"
arrived "$work/mara" "$claim" 'Empty ones' "$work"/empty/*.txt

same "each batch is one message" 4 "$(batches_of "$work/mara" "$claim")"
verify_server
walk_is_over
