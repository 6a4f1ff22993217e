#!/usr/bin/env bash
# Builds ios/PorticoFFI.xcframework, the phone core for devices, simulators and macOS, and the Swift that belongs to it;
# then zips it and prints the SHA-256 that SwiftPM wants beside the zip's address.
# Needs macOS with Xcode, and rustup. Bash 3.2 is enough.
#
# TARGET_FOLDER: where cargo writes, as for Package.swift. Default: target.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The platforms of ios/Package.swift. An object made for a newer system than the app's makes the linker complain.
ios_version=17.0
macos_version=14.0

device=aarch64-apple-ios
simulators=(aarch64-apple-ios-sim x86_64-apple-ios)
desktop=aarch64-apple-darwin

output=ios/PorticoFFI.xcframework

fail() {
  echo "build-xcframework.sh: $1" >&2
  exit 2
}

[ "$(uname -s)" = Darwin ] || fail "an XCFramework is made by Apple's Xcode, which runs on macOS alone."
for tool in cargo rustup rustc xcodebuild lipo ditto shasum; do
  command -v "$tool" >/dev/null || fail "'$tool' is missing; install Xcode and rustup, and run again."
done

target="${TARGET_FOLDER:-target}"
mkdir -p "$target"
target="$(cd "$target" && pwd)"
export CARGO_TARGET_DIR="$target" TARGET_FOLDER="$target"
work="$target/xcframework"
rm -rf "$work" "$output"
mkdir -p "$work/headers" "$work/simulator"

# ---- the Swift and its C header ------------------------------------------------------------------------------------

# Generated from this machine's own library, for the mobile profile strips what the generator reads.
cargo build --locked --package portico-ffi --package portico-bindgen
"$target/debug/portico-bindgen" --library "$target/debug/libportico_ffi.dylib" --out "$target/bindings"
ios/copy-bindings.sh

# The headers get a folder named like their module. Xcode copies the headers of all packages into one folder, and two
# that bring a module.modulemap at the top end the app's build with "Multiple commands produce".
for header in "$target"/bindings/swift/*.h; do
  module="$(basename "$header" .h)"
done
modulemap="$target/bindings/swift/$module.modulemap"
[ -f "$modulemap" ] || fail "the generator wrote no module map: $modulemap"
mkdir "$work/headers/$module"
cp "$header" "$work/headers/$module/"
# A static library can not say which of Apple's frameworks it calls, so the module does: rustls-platform-verifier, which
# reqwest always brings, calls both.
{
  sed '$d' "$modulemap"
  echo '    link framework "CoreFoundation"'
  echo '    link framework "Security"'
  echo '}'
} >"$work/headers/$module/module.modulemap"

# ---- the libraries -------------------------------------------------------------------------------------------------

# build TARGET VARIABLE VERSION: the static library for one target, with VARIABLE as its deployment target. Only for the
# build it is meant for: clang takes either variable for a wish about the platform.
#
# Folders of this machine are renamed, so that they do not ship in panics (rustc) and asserts (clang). OpenSSL alone
# still names its build folder, as the place of modules that are never loaded and among the flags it was compiled with.
build() {
  local cargo_home="${CARGO_HOME:-$HOME/.cargo}" separator=$'\x1f' cflags rustflags sysroot
  sysroot="$(rustc --print sysroot)"
  # The variable that the cc crate reads for this target only, so that build scripts are compiled as ever.
  cflags="CFLAGS_$(echo "$1" | tr '-' '_')=-ffile-prefix-map=$PWD=/portico"
  cflags="$cflags -ffile-prefix-map=$target=/target -ffile-prefix-map=$cargo_home=/cargo"
  # Separated by a byte that no path has: a blank in a folder's name stays in its argument.
  rustflags="--remap-path-prefix=$PWD=/portico$separator--remap-path-prefix=$target=/target"
  rustflags="$rustflags$separator--remap-path-prefix=$cargo_home=/cargo$separator--remap-path-prefix=$sysroot=/rust"
  env "$2=$3" "$cflags" "CARGO_ENCODED_RUSTFLAGS=$rustflags" \
    cargo rustc --locked --package portico-ffi --lib --crate-type staticlib --profile mobile --target "$1"
}

rustup target add "$device" "${simulators[@]}" "$desktop"
build "$device" IPHONEOS_DEPLOYMENT_TARGET "$ios_version"
for simulator in "${simulators[@]}"; do
  build "$simulator" IPHONEOS_DEPLOYMENT_TARGET "$ios_version"
done
build "$desktop" MACOSX_DEPLOYMENT_TARGET "$macos_version"

# A framework has one library per platform, and the simulators of both processors are one platform.
library=libportico_ffi.a
lipo -create "$target/${simulators[0]}/mobile/$library" "$target/${simulators[1]}/mobile/$library" \
  -output "$work/simulator/$library"

# ---- the framework -------------------------------------------------------------------------------------------------

xcodebuild -create-xcframework \
  -library "$target/$device/mobile/$library" -headers "$work/headers" \
  -library "$work/simulator/$library" -headers "$work/headers" \
  -library "$target/$desktop/mobile/$library" -headers "$work/headers" \
  -output "$output"

# With its parent folder: SwiftPM looks for the .xcframework at the top of the zip.
ditto -c -k --keepParent "$output" "$work/PorticoFFI.xcframework.zip"
echo "zip     $work/PorticoFFI.xcframework.zip"
echo "sha256  $(shasum -a 256 "$work/PorticoFFI.xcframework.zip" | cut -d ' ' -f 1)"
