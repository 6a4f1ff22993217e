#!/usr/bin/env bash
# The files of deploy/ before the real server: nginx and Caddy as they stand there, but for names, ports and certificate. A
# phone signs in through each by an invitation, sends a text and a batch, and waits in a long poll. Run by `tests/run
# interop`, which builds them.
source "$(dirname "${BASH_SOURCE[0]}")/stage.sh"

# A root of its own, which phones are given, and a certificate of it for this machine.
certificate() {
  local new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
  # shellcheck disable=SC2086
  openssl req -x509 $new -days 2 -subj /CN=root -keyout "$work/root.key" -out "$work/root.pem" 2>/dev/null
  # shellcheck disable=SC2086
  openssl req $new -subj /CN=localhost -keyout "$work/key.pem" -out "$work/asked.pem" 2>/dev/null
  printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >"$work/names"
  openssl x509 -req -in "$work/asked.pem" -CA "$work/root.pem" -CAkey "$work/root.key" -CAcreateserial -days 2 \
    -extfile "$work/names" -out "$work/cert.pem" 2>/dev/null
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# answers URL: a whole answer of the server, through the proxy.
answers() { curl -fsS --cacert "$work/root.pem" "$1/healthz" >/dev/null 2>&1; }

# through NAME URL: what people do, by way of the proxy of that name.
through() {
  local name="$1" url="$2" mara amina link
  mara="$work/$name-mara" amina="$work/$name-amina"
  until_true "$name" answers "$url"
  export PORTICO_ROOT="$work/root.pem"
  same "$name: a path that nobody has is the server's own problem" "404 application/problem+json" \
    "$(curl -sS --cacert "$work/root.pem" -o /dev/null -w '%{http_code} %{content_type}' "$url/v1/nothing" -H 'portico-wire: 1')"
  origin="$url" sign_in "$mara" "$(jq -r .people.mara.email "$work/firm.json")"
  link="$(portico --json --home "$mara" staff invite Amina | jq -r .link)"
  same "$name: an invitation names the proxy" "$url" "${link%/invitation#*}"
  challenge="$(portico --json --home "$amina" sign-in --begin --invitation "$link" | jq -r .challenge_id)"
  until_true "the mail with a code" mailed "$challenge"
  portico --json --home "$amina" sign-in --code "$(sed -n 's/^    //p' "$data"/mail/*"$challenge".eml)" >/dev/null
  portico --home "$amina" send Haddad "through $name" >/dev/null
  portico --home "$amina" send Haddad "files through $name" --attach "$work"/photos/* >/dev/null
  arrived "$mara" "$claim" "files through $name" "$work"/photos/*
  portico --json --home "$amina" watch >"$work/$name-watch" 2>&1 &
  helpers="$helpers $!"
  until_true "a phone that waits" grep -qs connection "$work/$name-watch"
  portico --home "$mara" send "$claim" "heard through $name" >/dev/null
  until_true "the text, by a long poll" grep -qs "heard through $name" "$work/$name-watch"
  same "$name: who waits hears of news at once" "heard through $name" "$(grep -o "heard through $name" "$work/$name-watch" | head -n 1)"
  unset PORTICO_ROOT
}

# restarted URL: the server behind a proxy that is reached at URL.
restarted() {
  if [ -n "$server" ]; then
    kill -KILL "$server"
    wait "$server" 2>/dev/null || true
  fi
  printf 'behind_proxy = true\ntrusted_proxies = ["127.0.0.1"]\npublic_url = "%s"\n' "$1" >"$data/portico.toml"
  serve
}

certificate
start_server
claim="$(jq -r .conversations.claim "$work/firm.json")"
mkdir "$work/photos"
head -c 3000000 /dev/urandom >"$work/photos/bumper.jpg"
head -c 200000 /dev/urandom >"$work/photos/door.jpg"

echo "-- nginx"
port="$(free_port)"
restarted "https://localhost:$port"
mkdir -p "$work/nginx/conf.d" "$work/nginx/tmp"
sed -e "s|127.0.0.1:8080|${origin#http://}|; s|listen 443|listen 127.0.0.1:$port|; s|portal.example;|localhost;|" \
  -e "s|/etc/ssl/portal.example.pem|$work/cert.pem|; s|/etc/ssl/private/portal.example.key|$work/key.pem|" \
  "$root/deploy/nginx.conf" >"$work/nginx/conf.d/portico.conf"
{
  # One process, which ends by its id.
  echo "daemon off; master_process off; pid $work/nginx/pid; error_log $work/nginx/error.log; events {}"
  echo "http { access_log off; client_body_temp_path $work/nginx/tmp; proxy_temp_path $work/nginx/tmp;"
  echo "fastcgi_temp_path $work/nginx/tmp; uwsgi_temp_path $work/nginx/tmp; scgi_temp_path $work/nginx/tmp;"
  echo "include $work/nginx/conf.d/*.conf; }"
} >"$work/nginx/nginx.conf"
nginx -c "$work/nginx/nginx.conf" 2>/dev/null &
helpers="$helpers $!"
through nginx "https://localhost:$port"

echo "-- Caddy"
port="$(free_port)"
restarted "https://localhost:$port"
{
  echo "{ admin off"
  echo "auto_https disable_redirects"
  echo "}"
  sed -e "s|127.0.0.1:8080|${origin#http://}|; s|^portal.example {|https://localhost:$port {|" "$root/deploy/Caddyfile" |
    awk -v tls="	tls $work/cert.pem $work/key.pem" '{ print } /^https:/ { print tls }'
} >"$work/Caddyfile"
HOME="$work" caddy run --config "$work/Caddyfile" --adapter caddyfile >"$work/caddy.log" 2>&1 &
helpers="$helpers $!"
through caddy "https://localhost:$port"

if command -v systemd-analyze >/dev/null; then
  echo "-- systemd reads its unit"
  sed 's|/usr/local/bin/portico-server|/bin/true|' "$root/deploy/portico.service" >"$work/portico.service"
  same "no fault in the unit" "" "$(systemd-analyze verify "$work/portico.service" 2>&1 | grep portico.service || true)"
fi
walk_is_over
