#!/bin/sh
# The main job, from nothing: builds the library and stratum-icpc, a C program that is linked against it, and takes real
# problem packages through a store on disk. Run by `make demo`.
#
#     PACKAGES=DIR   imports the packages in that directory, too (each directory in it with a problem.yaml is one)
#     DEMO=DIR       where everything goes; default build/demo. The store in it is made anew.
#
# 1. Every command runs in a process of its own: what one has written the next has to find on disk.
# 2. Any command that answers other than it must ends the demo, in status 1.
set -eu
cd "$(dirname "$0")/.."

demo=${DEMO:-build/demo}
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$demo"
demo=$(cd "$demo" && pwd)
store=$demo/store
icpc=$demo/stratum-icpc

say() {
    printf '\n== %s\n' "$*"
}

# Shows a command and runs it.
run() {
    printf '\n$ stratum-icpc'
    printf ' %s' "$@" | sed "s|$demo/||g"
    printf '\n'
    "$icpc" "$@"
}

# A command that must answer no: status 1.
run_no() {
    status=0
    run "$@" || status=$?
    [ $status = 1 ] || {
        echo "demo: status $status, not 1" >&2
        exit 1
    }
}

say 'What the demo needs'
tools/setup.sh
echo 'is there.'

say "Building libstratum, and installing it into ${demo#"$PWD"/}/usr"
make --no-print-directory install PREFIX="$demo/usr" LIBDIR=lib BUILT="$target/release"

say "Building stratum-icpc (C, linked against the shared library)"
# shellcheck disable=SC2046
gcc -std=c99 -D_XOPEN_SOURCE=700 -Wall -Wextra -pedantic -O2 -I "$demo/usr/include" examples/icpc/*.c -o "$icpc" \
    -L "$demo/usr/lib" -lstratum "-Wl,-rpath,$demo/usr/lib" $(pkg-config --cflags --libs yaml-0.1) -lm
echo "${icpc#"$PWD"/}"

say 'Importing the packages'
rm -rf "$store" "$demo/exported"
set -- examples/packages/*/
if [ -n "${PACKAGES:-}" ]; then
    found=$#
    for package in "$PACKAGES"/*/; do
        [ ! -f "$package/problem.yaml" ] || set -- "$@" "$package"
    done
    [ $# -gt "$found" ] || {
        echo "demo: no packages in $PACKAGES (directories with a problem.yaml)" >&2
        exit 1
    }
fi
run import "$store" "$@"

say 'Importing them again: the same ids, nothing twice'
run import "$store" "$@"

say 'Opening the store again, in a process of its own: everything is there'
run list "$store"
for package in "$@"; do
    run show "$store" "$(basename "$package")"
done

say 'Judging outputs: right ones'
for right in examples/candidates/right/*; do
    run judge "$store" "$(basename "$right")" "$right"
done

say 'Judging outputs: wrong ones'
for wrong in examples/candidates/wrong/*; do
    run_no judge "$store" "$(basename "$wrong")" "$wrong"
done
say 'The same outputs by another rule: byte for byte'
run_no judge --exact "$store" rainfall examples/candidates/right/rainfall

say 'Exporting a package: the same files again'
run export "$store" mirror "$demo/exported/mirror"
diff -r "$demo/exported/mirror" examples/packages/mirror
echo 'no difference.'

say 'Checking all of the store'
run verify "$store"
say "Done. The store is in ${store#"$PWD"/}"
