#!/bin/sh
# Builds `judge` in Rust as OUT: examples/judge/rust/build.sh OUT
set -eu
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../../.."
cargo build -q -p judge
cp "${CARGO_TARGET_DIR:-target}/debug/judge" "$out"
