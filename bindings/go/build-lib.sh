#!/bin/sh
# Builds the static library and puts it, with its header, where this module links it: bindings/go/lib.
#
# 1. The Go tool does not look into libraries, and would go on using what it once linked: library.h has the library's
#    checksum, is included by the module, and so makes it rebuild when the library changes.
set -eu
cd "$(dirname "$0")/../.."
cargo build -q --release --lib
built=${CARGO_TARGET_DIR:-target}/release/libstratum.a
mkdir -p bindings/go/lib
# What did not change keeps its time, so that nothing is built again for it.
cmp -s "$built" bindings/go/lib/libstratum.a || cp "$built" bindings/go/lib/libstratum.a
cmp -s include/stratum.h bindings/go/lib/stratum.h || cp include/stratum.h bindings/go/lib/stratum.h
printf '/* %s */\n' "$(cat bindings/go/lib/libstratum.a bindings/go/lib/stratum.h | sha256sum | cut -d ' ' -f 1)" \
    > bindings/go/library.h.new
if cmp -s bindings/go/library.h.new bindings/go/library.h; then
    rm bindings/go/library.h.new
else
    mv bindings/go/library.h.new bindings/go/library.h
fi
