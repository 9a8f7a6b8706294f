#!/bin/sh
# Builds the program: examples/judge/go/build.sh OUT
set -eu
out=$(realpath -m "${1:?usage: build.sh OUT}")
cd "$(dirname "$0")"
../../../bindings/go/build-lib.sh
go build -o "$out" .
