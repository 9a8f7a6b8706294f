#!/bin/sh
# Says which system libraries a program needs beside libstratum.a, as linker flags: those of Rust's standard library.
#
# 1. rustc writes what it compiles only into a folder made for it. It replaces its output file, so that must never be a
#    device such as /dev/null, which root could thereby lose.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/empty.rs"
said=$("${RUSTC:-rustc}" --crate-type staticlib --print native-static-libs --out-dir "$work" "$work/empty.rs" 2>&1)
flags=$(printf '%s\n' "$said" | sed -n 's/.*native-static-libs: //p')
if [ -z "$flags" ]; then
    printf 'rustc did not say which libraries a static one needs, but: %s\n' "$said" >&2
    exit 1
fi
printf '%s\n' "$flags"
