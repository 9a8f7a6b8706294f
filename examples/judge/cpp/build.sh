#!/bin/sh
# Builds `judge` in C++ as OUT, linked against the static library of this checkout: examples/judge/cpp/build.sh OUT
set -eu
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../../.."
cargo build -q --lib
# Word splitting is wanted: each word is a flag.
# shellcheck disable=SC2046
g++ -std=c++17 -O1 -Wall -Wextra -pedantic -Werror -I include -I bindings/cpp/include examples/judge/cpp/*.cpp -o "$out" \
    "${CARGO_TARGET_DIR:-target}/debug/libstratum.a" $(packaging/native-libs.sh) \
    $(pkg-config --cflags --libs yaml-cpp zlib)
