#!/bin/sh
# Builds `judge` in C as OUT, linked against the static library of this checkout: examples/judge/c/build.sh OUT
set -eu
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../../.."
cargo build -q --lib
# Word splitting is wanted: each word is a flag.
# shellcheck disable=SC2046
gcc -std=c99 -D_XOPEN_SOURCE=700 -O1 -Wall -Wextra -Wshadow -pedantic -Werror -I include examples/judge/c/*.c \
    examples/icpc/files.c examples/icpc/store.c examples/icpc/util.c examples/icpc/yaml.c -o "$out" \
    "${CARGO_TARGET_DIR:-target}/debug/libstratum.a" $(packaging/native-libs.sh) \
    $(pkg-config --cflags --libs yaml-0.1 zlib) -lm
