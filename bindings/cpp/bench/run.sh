#!/bin/sh
# Measures stratum.hpp beside SQLite's C API: bindings/cpp/bench/run.sh [TREES [ROUNDS]]
set -eu
cd "$(dirname "$0")/../../.."
tools/setup.sh bench
cargo build -q --release --lib
mkdir -p build/cpp
# Word splitting is wanted: each word is a flag.
# shellcheck disable=SC2046
g++ -std=c++17 -O2 -Wall -Wextra -Werror -I include -I bindings/cpp/include bindings/cpp/bench/compare.cpp \
    -o build/cpp/compare "${CARGO_TARGET_DIR:-target}/release/libstratum.a" $(packaging/native-libs.sh) -lsqlite3
[ -n "${BUILD_ONLY:-}" ] || exec build/cpp/compare "$@"
