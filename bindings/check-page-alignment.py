#!/usr/bin/env python3
"""Checks that every native library of an Android package can be loaded where a memory page has 16 KB.

    bindings/check-page-alignment.py PATH...

PATH is an AAR, an APK, a JAR or any other zip, a folder, or one .so. Archives inside archives are read too: the jar
inside an AAR can carry libraries of its own. One line per library. Exits with 1 if a 64-bit library would not load,
if a file called .so is not an ELF library, or if there is no library at all: an AAR that lost its libraries must not
pass.

A LOAD segment below 16,384 is refused by Android's loader. One that is aligned can still crash: the loader makes the
GNU_RELRO range read-only up to the end of its last page, and where the range ends inside a page, variables behind it
turn read-only as well. JNA 5.16 is such a library: its LOAD segments are in order, and it crashes (jna issue 1647).

Reads the ELF headers itself, so that it needs neither the NDK nor binutils. 32-bit libraries are listed and pass:
Android has 16 KB pages on 64-bit devices only. Where an APK stores its libraries is not checked: zipalign -P 16 does.
"""

import io
import os
import struct
import sys
import zipfile
import zlib

# https://developer.android.com/guide/practices/page-sizes
PAGE_BYTES = 16_384

ARCHIVES = (".aar", ".apk", ".aab", ".jar", ".zip")
# AAR > jar is the deepest a package goes; a zip of AARs adds one.
DEPTH_MAX = 3

PT_LOAD = 1
PT_GNU_RELRO = 0x6474E552
MACHINES = {3: "x86", 40: "arm", 62: "x86_64", 183: "arm64", 243: "riscv64"}


class Unreadable(Exception):
    """The bytes are not what their name says."""


def program_headers(elf):
    """Returns the class (32 or 64), the machine's name and (kind, offset, address, size, alignment) of each segment."""
    if elf[:4] != b"\x7fELF":
        raise Unreadable("not an ELF library")
    bits = {b"\x01": 32, b"\x02": 64}.get(elf[4:5])
    order = {b"\x01": "<", b"\x02": ">"}.get(elf[5:6])
    if bits is None or order is None:
        raise Unreadable("ELF of an unknown class or byte order")
    try:
        (machine,) = struct.unpack_from(order + "H", elf, 18)
        (table,) = struct.unpack_from(order + ("Q" if bits == 64 else "I"), elf, 32 if bits == 64 else 28)
        entry_bytes, entries = struct.unpack_from(order + "HH", elf, 54 if bits == 64 else 42)
        segments = []
        for at in range(table, table + entries * entry_bytes, entry_bytes or 1):
            if bits == 64:
                kind, _, offset, address, _, _, size, alignment = struct.unpack_from(order + "IIQQQQQQ", elf, at)
            else:
                kind, offset, address, _, _, size, _, alignment = struct.unpack_from(order + "IIIIIIII", elf, at)
            segments.append((kind, offset, address, size, alignment))
    except struct.error:
        raise Unreadable("ELF headers are cut short") from None
    return bits, MACHINES.get(machine, f"machine {machine}"), segments


def verdict(elf):
    """Returns whether the library passes, and what its line says."""
    try:
        bits, machine, segments = program_headers(elf)
    except Unreadable as reason:
        return False, str(reason)
    loads = [segment for segment in segments if segment[0] == PT_LOAD]
    if not loads:
        return False, "no LOAD segment"
    alignment = min(alignment for *_, alignment in loads)
    about = f"{machine}, {bits}-bit, LOAD alignment {alignment}"
    if bits == 32:
        return True, about + ", needs no more"
    if alignment < PAGE_BYTES:
        return False, about + f", needs {PAGE_BYTES}"
    # The loader maps whole pages of the file: offset and address must agree within a page, whatever the header claims.
    if any((address - offset) % PAGE_BYTES for _, offset, address, _, _ in loads):
        return False, about + f", but a segment's offset and address differ within {PAGE_BYTES} bytes"
    for kind, _, address, size, _ in segments:
        past_page = (address + size) % PAGE_BYTES
        if kind == PT_GNU_RELRO and past_page:
            return False, about + f", but GNU_RELRO ends {past_page} bytes into a page of {PAGE_BYTES}"
    return True, about


def libraries_in_archive(name, source, depth):
    """Yields (name, bytes) of every .so in the zip `source`, a path or a file object; what is unreadable, as reason."""
    if depth > DEPTH_MAX:
        yield name, Unreadable(f"archives nested more than {DEPTH_MAX} deep")
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for member in sorted(archive.namelist()):
                inner = f"{name}!{member}"
                if member.endswith(".so"):
                    yield inner, archive.read(member)
                elif member.lower().endswith(ARCHIVES):
                    yield from libraries_in_archive(inner, io.BytesIO(archive.read(member)), depth + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as reason:
        yield name, Unreadable(f"not a readable zip: {reason}")


def libraries(path):
    """Yields (name, bytes) of every .so at, in or under `path`; what is unreadable, as reason."""
    if os.path.isdir(path):
        for folder, folders, files in os.walk(path):
            folders.sort()
            for file in sorted(files):
                if file.endswith(".so") or file.lower().endswith(ARCHIVES):
                    yield from libraries(os.path.join(folder, file))
        return
    try:
        if path.endswith(".so"):
            with open(path, "rb") as file:
                yield path, file.read()
        else:
            yield from libraries_in_archive(path, path, 1)
    except OSError as reason:
        yield path, Unreadable(reason.strerror or str(reason))


def main(paths):
    if not paths or any(path.startswith("-") for path in paths):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        found = False
        for name, elf in libraries(path):
            found = True
            passes, about = (False, str(elf)) if isinstance(elf, Unreadable) else verdict(elf)
            failed = failed or not passes
            print(f"{'ok    ' if passes else 'FAILED'}  {name}: {about}")
        if not found:
            print(f"FAILED  {path}: no .so inside")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
