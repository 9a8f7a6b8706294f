#!/bin/sh
# The unit tests of what decodes bytes, of the index and of the C layer under miri, which sees undefined behaviour that
# no sanitizer sees. It needs a nightly toolchain with the components miri and rust-src:
#
#     rustup toolchain install nightly --component miri --component rust-src
#
# or another miri, whose command is in CARGO_MIRI (`cargo +nightly miri`). It is not a part of CI, where there is none.
# Arguments take the place of the modules, MIRI_SEEDS=N repeats each test with as many schedules.
set -eu
cd "$(dirname "$0")/.."
miri=${CARGO_MIRI:-cargo +nightly miri}
# shellcheck disable=SC2086 # a command and its words
$miri --version > /dev/null 2>&1 || {
    echo 'miri: there is none: rustup toolchain install nightly --component miri --component rust-src' >&2
    exit 1
}
[ $# -gt 0 ] || set -- format:: index:: capi:: memory::
# Tests read docs/format.md, and proptest the environment. Handles are numbers that are never dereferenced, made without
# provenance, so that strict provenance holds.
seeds=${MIRI_SEEDS:+-Zmiri-many-seeds=0..$MIRI_SEEDS}
export MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-strict-provenance $seeds ${MIRIFLAGS:-}"
# What takes hours there, a case at a time, is left to the other ways in which these tests run.
export PROPTEST_CASES="${PROPTEST_CASES:-4}" PROPTEST_DISABLE_FAILURE_PERSISTENCE=1
# Zstandard is C, which miri cannot run; nor can it start a process, or ask for more memory than there is.
# shellcheck disable=SC2086
$miri test --lib -- "$@" \
    --skip capi::guard::tests::no_panic_of_the_library_prints_anything \
    --skip memory::tests::what_cannot_be_had_is_refused \
    --skip format::compressed \
    --skip capi::value_in::tests::lists_that_explode_are_refused \
    --skip every_flipped_byte --skip every_flip --skip every_byte_of_the_head
