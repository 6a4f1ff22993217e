#!/usr/bin/env bash
# Puts Swift (Debian trixie's package `swiftlang`) into a root of its own, so that nothing of this machine changes but
# the package `debootstrap`. Swift on Debian 12 itself would replace its C library.
#
#   ios/setup-swift-linux.sh ROOT            what is finished is left alone; a killed run goes on where it was
#   ROOT.run [-C DIR] [-B DIR]... COMMAND    runs COMMAND in the root, in DIR; see ROOT.run
#
# Needs root rights, and amd64 or arm64. What goes wrong is in ROOT.log.
set -euo pipefail
root=$(readlink -m "${1:?usage: $0 ROOT}")
case $root in / | /usr | /opt | /home | /tmp) echo "$0: $root is no folder of its own" >&2; exit 2 ;; esac
[ "$(id -u)" = 0 ] || { echo "$0: needs root rights (chroot, mount)" >&2; exit 2; }
stamps=$root/var/lib/swift-setup
# Headers, without which Foundation does not build; git, which SwiftPM asks even for local packages.
packages="swiftlang libc6-dev libstdc++-14-dev binutils gcc git ca-certificates patchelf"

mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9 # Two at once would fight over one root.

say() { echo "swift: $*"; }

# Runs its arguments with their output in the log, which is shown when they fail.
quietly() { "$@" >>"$root.log" 2>&1 || { tail -20 "$root.log" >&2; echo "$0: see $root.log" >&2; exit 1; }; }

# The Debian mirror that this machine uses.
mirror() {
  local found
  found=$(grep -hoE '(^URIs:|^deb )[^#]*https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null | grep -oE 'https?://[^ ]+' | head -1 || true)
  echo "${found:-http://deb.debian.org/debian}"
}

# Namespaces of its own: no mount stays behind. When this script is killed its apt goes on to the end, and holds the lock
# until then.
in_root() {
  # shellcheck disable=SC2016  # The inner shell expands it.
  unshare -m -p -f --kill-child --propagation private bash -c '
    root=$1; shift
    mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"
    exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
  ' bash "$root" "$@"
}

make_base() {
  if ! command -v debootstrap >/dev/null; then
    say "installing debootstrap"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update -q
    quietly apt-get install -y -q --no-install-recommends debootstrap debian-archive-keyring
  fi
  say "making $root (about two minutes in all)"
  rm -rf --one-file-system "$root.part"
  quietly unshare -m --propagation private debootstrap --variant=minbase \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg trixie "$root.part" "$(mirror)"
  mkdir -p "$root.part/var/lib/swift-setup"
  [ ! -d "$root" ] || rmdir "$root"
  touch "$root.part/var/lib/swift-setup/base"
  mv "$root.part" "$root"
}

install_swift() {
  say "installing swiftlang"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # No service starts in there.
  chmod 755 "$root/usr/sbin/policy-rc.d"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  printf 'deb %s trixie main\n' "$(mirror)" >"$root/etc/apt/sources.list"
  printf '%s\n' 'APT::Install-Recommends "0";' 'Acquire::Retries "5";' 'Acquire::Languages "none";' \
    'DPkg::Options { "--force-unsafe-io"; };' >"$root/etc/apt/apt.conf.d/90swift"
  quietly in_root apt-get -q update
  quietly in_root dpkg --configure -a
  quietly in_root apt-get -q -y -f install
  # shellcheck disable=SC2086  # A list of words.
  quietly in_root apt-get -q -y install $packages
  quietly in_root apt-get clean
  touch "$stamps/swift"
}

# libswiftObservation.so of 6.0.3 wants a function that no library of the package has, so that nothing which imports
# Observation links. It is given one.
repair_observation() {
  local folder=/usr/libexec/swift/lib/swift/linux
  in_root nm -D --undefined-only "$folder/libswiftObservation.so" 2>/dev/null >"$root/tmp/undefined" || true
  if grep -q _ZN5swift9threading5fatalEPKcz "$root/tmp/undefined"; then
    cat >"$root/tmp/fatal.c" <<'C'
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
void fatal(const char *format, ...) __asm__("_ZN5swift9threading5fatalEPKcz");
void fatal(const char *format, ...) {
  va_list rest;
  va_start(rest, format);
  vfprintf(stderr, format, rest);
  abort();
}
C
    quietly in_root sh -ec "cd $folder
      gcc -shared -fPIC -O1 -Wl,-soname,libswiftThreadingFatal.so -o libswiftThreadingFatal.so /tmp/fatal.c
      cp -p libswiftObservation.so .new
      patchelf --print-needed .new | grep -q libswiftThreadingFatal.so || patchelf --add-needed libswiftThreadingFatal.so .new
      mv .new libswiftObservation.so"
  fi
  touch "$stamps/observation"
}

# The way in. The repository is bound at its own path, so that paths are the same inside and outside.
write_entry() {
  cat >"$root.run.new" <<'RUN'
#!/usr/bin/env bash
# Runs a command in the Swift root: NAME.run [-C DIR] [-B DIR]... COMMAND...
#   -C DIR  where; the current folder by default      -B DIR  a further folder to see inside, at the same path
# /tmp, DIR, the git work tree around it and $TARGET_FOLDER are seen anyway. The environment passes through, but for
# HOME, LANG and PATH. Without root rights it needs user namespaces.
set -euo pipefail
self=$(readlink -f "$0") dir=$PWD binds=(/tmp)
while getopts "+C:B:" option; do
  case $option in C) dir=$(cd "$OPTARG" && pwd) ;; B) binds+=("$(readlink -m "$OPTARG")") ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
tree=$dir
while [ "$tree" != / ] && [ ! -e "$tree/.git" ]; do tree=$(dirname "$tree"); done
[ "$tree" != / ] || tree=$dir
binds+=("$tree" ${TARGET_FOLDER:+"$(readlink -m "$TARGET_FOLDER")"})
spaces=(unshare -m --propagation private)
[ "$(id -u)" = 0 ] || spaces=(unshare -r -m --propagation private)
exec "${spaces[@]}" -- bash -euo pipefail -c '
  root=$1 dir=$2; shift 2
  while [ "$1" != -- ]; do
    case "$1" in
      / | /tmp/*) ;; # Seen already.
      *) if [ -d "$1" ]; then mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; fi ;;
    esac
    shift
  done
  shift
  for system in /proc /dev /sys; do mount --rbind $system "$root$system"; done
  home=/root; [ -O "$root/root" ] || { home=/tmp/.swift-home-$(id -u); mkdir -p "$home"; }
  exec chroot "$root" /usr/bin/env HOME="$home" LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c "cd \"\$1\" && shift && exec \"\$@\"" sh "$dir" "$@"
' bash "${self%.run}" "$dir" "${binds[@]}" -- "$@"
RUN
  chmod 755 "$root.run.new"
  mv "$root.run.new" "$root.run" # One may be running.
}

[ -e "$stamps/base" ] || make_base
[ -e "$stamps/swift" ] || install_swift
[ -e "$stamps/observation" ] || repair_observation
write_entry
# Where the repository is seen inside: whoever runs it later without root rights can not make the folder.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case $repository in /tmp/*) ;; *) mkdir -p "$root$repository" ;; esac
"$root.run" -C / swift --version 2>&1 | sed -n "s/^/swift: /p;q"
