#!/bin/sh
# Builds the Go runner into build/conformance/go, with the static library that the Go module links.
set -eu
cd "$(dirname "$0")"
../../go/build-lib.sh
go build -o ../../../build/conformance/go .
