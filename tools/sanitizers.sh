#!/usr/bin/env bash
# Runs the C programs of tests/capi/c, and the unit tests of what touches raw bytes, with the library itself under
# AddressSanitizer and LeakSanitizer, the C side under UndefinedBehaviorSanitizer too. `cargo test --test capi` runs the
# same programs with only the C side instrumented, and under valgrind.
#
# 1. The stable compiler takes the unstable flag through RUSTC_BOOTSTRAP; what it builds lies in target/<host>/.
# 2. First it is seen that an overrun, a use of memory that was given back, and a leak are found.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "sanitizers: $*" >&2
    exit 1
}

command -v gcc > /dev/null || fail 'no gcc: apt-get install gcc libc6-dev'
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1

cargo build --lib --target "$host"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
read -ra native <<< "$(RUSTFLAGS='' packaging/native-libs.sh)"

# compile SOURCE: into $folder/program.
compile() {
    gcc -std=c11 -D_POSIX_C_SOURCE=200809L -g -pedantic-errors -Wall -Wextra -Werror -pthread \
        -fsanitize=address,undefined -fno-sanitize-recover=all -Iinclude "$1" -o "$folder/program" \
        "target/$host/debug/libstratum.a" "${native[@]}"
    rm -rf "$folder/stores"
    mkdir "$folder/stores"
}

compile tests/capi/memory/broken.c
"$folder/program" "$folder/stores" none > /dev/null || fail 'a program without a bug fails'
for bug in overrun:heap-buffer-overflow freed:heap-use-after-free leak:LeakSanitizer; do
    if "$folder/program" "$folder/stores" "${bug%%:*}" > "$folder/found" 2>&1; then
        fail "a bug on purpose (${bug%%:*}) is not found"
    fi
    grep -q "${bug#*:}" "$folder/found" || { cat "$folder/found"; fail "a bug on purpose is found as another"; }
done

for source in tests/capi/c/*.c; do
    echo "sanitizers: $source"
    compile "$source"
    "$folder/program" "$folder/stores"
done
# What cannot be had is a status to the engine; the sanitizer would end the program instead.
ASAN_OPTIONS+=:allocator_may_return_null=1
cargo test --lib --target "$host" -- format:: index:: capi:: log:: memory::
