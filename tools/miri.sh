#!/bin/sh
# The unit tests of what decodes bytes, of the index and of the C layer under miri, which sees undefined behaviour that
# no sanitizer sees. It needs a nightly toolchain with the components miri and rust-src:
#
#     rustup toolchain install nightly --component miri --component rust-src
#
# It is not a part of CI, where there is no miri. MIRI_SEEDS (default 1) runs each test with as many schedules.
set -eu
cd "$(dirname "$0")/.."
cargo +nightly miri --version > /dev/null 2>&1 || {
    echo 'miri: there is none: rustup toolchain install nightly --component miri --component rust-src' >&2
    exit 1
}
# Tests read docs/format.md, and proptest the environment. Handles are numbers that are never dereferenced, made without
# provenance, so that strict provenance holds.
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-strict-provenance -Zmiri-many-seeds=0..${MIRI_SEEDS:-1} ${MIRIFLAGS:-}"
# Zstandard is C, which miri cannot run. What takes hours there, a case at a time, is left to the other ways in which these tests run.
export PROPTEST_CASES="${PROPTEST_CASES:-4}" PROPTEST_DISABLE_FAILURE_PERSISTENCE=1
cargo +nightly miri test --lib -- format:: index:: capi:: memory:: \
    --skip capi::guard::tests::a_panic_inside_the_wall_prints_nothing \
    --skip format::compressed \
    --skip every_flipped_byte --skip every_flip --skip every_byte_of_the_head
