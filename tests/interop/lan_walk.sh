#!/usr/bin/env bash
# A server of one office as an operator starts it and phones meet it. OpenSSL and curl read its chain, and agree with the link on
# the root. Run by `tests/run interop`, which builds the binaries.
source "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

port=0
# serve_office ARGUMENTS...: on loopback, at the same port from the second time on. LINK is what it shows.
serve_office() {
  portico-server --data "$data" serve --lan --listen "127.0.0.1:$port" --metrics-listen 127.0.0.1:0 "$@" \
    >"$work/server.out" 2>"$work/server.log" &
  server=$!
  until_true "the server's link" grep -qs '^https://' "$work/server.out"
  LINK="$(grep '^https://' "$work/server.out")"
  origin="$(sed -n 's/^listening on //p' "$work/server.out")"
  port="${origin##*:}"
  openssl s_client -connect "127.0.0.1:$port" -showcerts </dev/null 2>/dev/null >"$work/shown"
  awk -v into="$work/shown." '/BEGIN CERT/ { at++ } /BEGIN CERT/, /END CERT/ { print > (into at) }' "$work/shown"
}

stop_office() {
  kill "$server"
  wait "$server"
  server=""
}

# fingerprint FILE: as links write it.
fingerprint() { openssl x509 -in "$1" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f'; }

# answer HOME BEGINNING...: the code that was mailed for it.
answer() {
  local home="$1" challenge
  shift
  challenge="$(portico --json --home "$home" sign-in --begin "$@" | jq -r .challenge_id)"
  until_true "the mail with a code" mailed "$challenge"
  portico --json --home "$home" sign-in --code "$(sed -n 's/^    //p' "$data"/mail/*"$challenge".eml)" >/dev/null
}

# says COMMAND...: whether the server was told as untrusted.
says() { "$@" 2>&1 | grep -o "certificate is not trusted" || true; }

portico-server --data "$data" seed --json >"$work/firm.json"
email() { jq -r ".people.$1.email" "$work/firm.json"; }
claim="$(jq -r .conversations.claim "$work/firm.json")"
mkdir "$work/photos"
head -c 300000 /dev/urandom >"$work/photos/bumper.jpg"

echo "-- the office opens"
serve_office --invite "$(email mara)"
root_hash="${LINK##*&root=}"
leaf="$(fingerprint "$work/shown.1")"
same "the root at the end of the chain is the one of the link" "$root_hash" "$(fingerprint "$work/shown.2")"
same "OpenSSL finds the chain good for this address" "Verify return code: 0 (ok)" \
  "$(openssl s_client -connect "127.0.0.1:$port" -CAfile "$work/shown.2" -verify_ip 127.0.0.1 </dev/null 2>/dev/null |
    sed -n 's/^ *\(Verify return code.*\)/\1/p' | head -n 1)"
same "curl reaches it by that root" "ok" "$(curl -fsS --cacert "$work/shown.2" "https://127.0.0.1:$port/healthz")"
same "nobody but the owner reads its key" "-rw-------" "$(ls -l "$data/keys/lan-root.pem" | cut -c 1-10)"

echo "-- phones follow links"
answer "$work/mara" --invitation "$LINK"
invited="$(portico --json --home "$work/mara" staff invite Amina | jq -r .link)"
same "the link of an invitation by staff names it too" "$root_hash" "${invited##*&root=}"
answer "$work/amina" --invitation "$invited"

echo "-- the office closes and opens again, with another certificate"
stop_office
serve_office
same "the root stays" "$root_hash" "$(fingerprint "$work/shown.2")"
same "and is that of the server's own link" "$root_hash" "${LINK##*#root=}"
same "the certificate is another" "differs" "$([ "$leaf" = "$(fingerprint "$work/shown.1")" ] && echo same || echo differs)"
portico --home "$work/amina" send Haddad "files to the office" --attach "$work"/photos/* >/dev/null
arrived "$work/mara" "$claim" "files to the office" "$work"/photos/*
answer "$work/jonas" --server "$LINK" --email "$(email jonas)"
same "an address and the server's link sign in" 1 "$(portico --json --home "$work/jonas" devices list | jq '.devices | length')"

echo "-- and nobody else passes for it"
stranger() { says portico --home "$work/stranger" sign-in --begin --email "$(email amina)" --server "$1"; }
for other in "https://127.0.0.1:$port" "https://127.0.0.1:$port/#root=${root_hash%????}0000" "https://localhost:$port/#root=$root_hash"; do
  same "$(echo "$other" | cut -c 1-36)" "certificate is not trusted" "$(stranger "$other")"
done
stop_office
mv "$data/keys/lan-root.pem" "$work/"
serve_office
same "a phone of before tells a server with another root" "certificate is not trusted" \
  "$(says portico --home "$work/amina" devices list)"

verify_server
walk_is_over
