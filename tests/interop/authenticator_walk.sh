#!/usr/bin/env bash
# An authenticator app of others: oathtool makes codes that the server takes, and agrees with those that a phone shows
# (R8). Then a recovery code, a lost phone and a yes on another device, as a person meets them. Run by `tests/run interop`, which builds them.
source "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

# oath SECONDS: what oathtool shows for SECRET so many seconds from now.
oath() { oathtool --totp -b "$SECRET" --now "@$(($(date +%s) + $1))"; }

# says COMMAND...: the first word or two of why a command was not done.
says() { "$@" 2>&1 | sed -n 's/^\(That code was used\|That does not prove it\|The clock\|On a device\|This sign-in has ended\|This phone was wiped\).*/\1/p'; }

# let_in HOME ARGUMENTS...: answers the sign-in of HOME with CODE and what proves it besides.
let_in() {
  local home="$1"
  shift
  portico --home "$home" sign-in --code "$CODE" "$@"
}

start_server
mara="$(jq -r .people.mara.email "$work/firm.json")"
export PORTICO_HOME="$work/mara"

echo "-- an app of others is set up, and lets another phone in"
sign_in "$work/mara" "$mara"
SECRET="$(portico --json factors set-up | jq -r .secret)"
same "a code of another time is told" "The clock" "$(says portico factors confirm "$(oath 600)")"
portico factors confirm "$(oath 0)"
begin "$work/tablet" "$mara"
same "a code that was used is told" "That code was used" "$(says let_in "$work/tablet" --totp "$(oath 0)")"
let_in "$work/tablet" --totp "$(oath 30)"
same "the next one lets in" 2 "$(portico --json devices list | jq '.devices | length')"

echo "-- the phone takes the secret of a QR code, and oathtool shows what it shows"
portico --json factors set-up >"$work/shown"
SECRET="$(jq -r .secret "$work/shown")"
portico authenticator keep "$(jq -r .uri "$work/shown")"
shows() { [ "$(portico --offline --json authenticator show | jq -r .code)" = "$(oath 0)" ]; }
# A code may change between the two; twice in a row it does not.
until_true "the same code from both" shows
portico factors confirm "$(portico --offline --json authenticator show | jq -r .code)"
same "the server takes the phone's" false "$(portico --json factors list | jq .totp.disabled)"

echo "-- a recovery code, and a lost phone"
recovery="$(portico --json factors recovery-codes | jq -r '.codes[0]')"
begin "$work/new" "$mara"
same "a wrong one is told" "That does not prove it" "$(says let_in "$work/new" --recovery-code 0000-0000-0000-0000-0000-0000)"
let_in "$work/new" --recovery-code "$recovery"
begin "$work/other" "$mara"
same "it works once" "That code was used" "$(says let_in "$work/other" --recovery-code "$recovery")"
lost="$(portico --json --home "$work/tablet" devices list | jq -r '.devices[] | select(.this_device) | .device_id')"
portico --home "$work/new" devices wipe "$lost"
same "the lost phone deletes itself" "This phone was wiped" "$(says portico --home "$work/tablet" conversations)"
same "nothing of its person is left on it" 0 "$(find "$work/tablet/people" -type f | wc -l | tr -d ' ')"
told="$(portico --json devices list | jq --arg id "$lost" '.devices[] | select(.device_id == $id) | .wipe_told_at_ms != null')"
same "and the others hear that it did" true "$told"

echo "-- the firm's policy decides about clients"
firm="$(jq -r .firm_id "$work/firm.json")"
amina="$(jq -r .people.amina.email "$work/firm.json")"
kill -KILL "$server"
wait "$server" 2>/dev/null || true
portico-server --data "$data" admin policy --firm "$firm" >/dev/null
serve
sign_in "$work/amina" "$amina"
begin "$work/thief" "$amina"
same "who reads a client's mail does not get in" "On a device" "$(says let_in "$work/thief")"
portico --home "$work/amina" devices turn-down
same "a no on the phone ends that sign-in" "This sign-in has ended" "$(says let_in "$work/thief")"
begin "$work/tablet" "$amina"
number="$({ let_in "$work/tablet" 2>&1 || true; } | sed -n 's/.* type \([0-9][0-9]\) .*/\1/p')"
portico --home "$work/amina" devices approve "$number"
let_in "$work/tablet"
same "a yes lets in" 2 "$(portico --json --home "$work/amina" devices list | jq '.devices | length')"
walk_is_over
