#!/bin/sh
# Sees to what the tests of the C and C++ bindings need on Debian and its kin: compilers, make, CMake, pkg-config, and
# the JSON libraries of the conformance runners.
#
# 1. Where everything is there already nothing is run, neither apt-get nor sudo.
# 2. Whatever is missing and cannot be had ends in a message that names it, and in status 1.
set -eu

fail() {
    echo "setup: $*" >&2
    exit 1
}

missing=''

# need PACKAGE COMMAND...: the package, unless the command succeeds.
need() {
    package=$1
    shift
    "$@" > /dev/null 2>&1 || missing="$missing $package"
}

includes() {
    printf '#include <%s>\nint main() { return 0; }\n' "$2" | "$1" -x "$3" -fsyntax-only -
}

need 'gcc libc6-dev' includes gcc stdio.h c
need g++ includes g++ vector c++
need make command -v make
need cmake command -v cmake
need pkg-config command -v pkg-config
need libjansson-dev pkg-config --exists jansson
need nlohmann-json3-dev includes g++ nlohmann/json.hpp c++

if [ -n "$missing" ]; then
    echo "setup: installing$missing"
    command -v apt-get > /dev/null || fail "no apt-get here: install what corresponds to Debian's$missing"
    as_root=''
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null || fail "neither root nor sudo: run apt-get install$missing as root"
        as_root=sudo
    fi
    $as_root apt-get update -q || fail "apt-get update failed: is there a network?"
    # Word splitting is wanted: each word is a package.
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
        fail "apt-get could not install$missing"
fi
command -v cargo > /dev/null || fail 'no Rust toolchain on the PATH: see https://rustup.rs'
