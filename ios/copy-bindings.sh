#!/usr/bin/env bash
# Puts the generated Swift where Package.swift looks for it. TARGET_FOLDER: where cargo and the generator wrote.
# Files that are the same are left alone, so that nothing is compiled again for them.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")"
from="${TARGET_FOLDER:-$PWD/../target}/bindings/swift"
to=Sources/PorticoFFI
mkdir -p "$to/CPortico"
copy() { cmp -s "$from/$1" "$to/$2" || cp "$from/$1" "$to/$2"; }
copy PorticoFFI.swift PorticoFFI.swift
copy CPortico.h CPortico/CPortico.h
copy CPortico.modulemap CPortico/module.modulemap
