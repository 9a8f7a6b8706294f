#!/bin/sh
# Sees to what building and running the project needs on Debian and its kin: C compiler, pkg-config and libyaml from
# the distribution, when they are missing; a Rust toolchain, which it only looks for.
#
#     tools/setup.sh         what `make demo` needs
#     tools/setup.sh test    what `make test` needs, too
#     tools/setup.sh bench   what `make bench-compare` needs, too
#     tools/setup.sh bindings   what `make test-bindings` needs, too
#     tools/setup.sh tsan    what `make tsan` needs, too
#
# 1. Where everything is there already nothing is run, neither apt-get nor sudo.
# 2. Whatever is missing or too old and cannot be had ends in a message that names the package, and in status 1.
# 3. What apt-get says it installed is looked for again.
set -eu

fail() {
    echo "setup: $*" >&2
    exit 1
}

cd "$(dirname "$0")/.."
purpose=${1:-}
case $purpose in
'' | test | bench | bindings | tsan) ;;
*) fail "usage: tools/setup.sh [test | bench | bindings | tsan]" ;;
esac
PYTHON=${PYTHON:-python3}

# need PACKAGE COMMAND...: the package, unless the command succeeds.
need() {
    package=$1
    shift
    "$@" > /dev/null 2>&1 || missing="$missing $package"
}

# Whether a version is the wanted one or later.
reaches() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# Whether a C program can be compiled: the compiler alone is no use without the headers of the C library.
compiles() {
    printf '#include <stdio.h>\n#include <dirent.h>\nint main(void) { return 0; }\n' | "$1" -x "$2" -fsyntax-only -
}

# Whether a header of a C++ library is there.
includes() {
    printf '#include <%s>\n' "$1" | g++ -x c++ -fsyntax-only -
}

# Whether an extension of Python can be built, in an environment of its own.
extends_python() {
    "$PYTHON" -c 'import ensurepip, os, sysconfig, venv
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))'
}

# Notes in `missing` the packages of all that is not there.
look() {
    missing=''
    need 'gcc libc6-dev' compiles gcc c
    need make command -v make
    need pkg-config command -v pkg-config
    need libyaml-dev pkg-config --exists yaml-0.1
    case $purpose in
    test)
        need g++ compiles g++ c++
        need binutils command -v readelf
        need cmake command -v cmake
        need valgrind command -v valgrind
        need strace command -v strace
        need 'e2fsprogs mount' command -v mkfs.ext4
        # valgrind reads the debug symbols of the dynamic loader.
        if command -v dpkg > /dev/null; then
            need libc6-dbg dpkg -s libc6-dbg
        fi
        ;;
    bench)
        need g++ compiles g++ c++
        need librocksdb-dev test -f /usr/include/rocksdb/c.h
        need libsqlite3-dev test -f /usr/include/sqlite3.h
        ;;
    bindings)
        need g++ compiles g++ c++
        need cmake command -v cmake
        need libjansson-dev pkg-config --exists jansson
        need nlohmann-json3-dev includes nlohmann/json.hpp
        need nodejs node --version
        need npm npm --version
        need 'python3 python3-venv python3-dev' extends_python
        need zlib1g-dev includes zlib.h
        need golang-go go env GOVERSION
        need libyaml-cpp-dev pkg-config --exists yaml-cpp
        ;;
    tsan)
        for package in rustc-web cargo-web rust-web-src; do
            need "$package" dpkg -s "$package"
        done
        ;;
    esac
}

look
if [ -n "$missing" ]; then
    wanted=$missing
    echo "setup: installing$wanted"
    command -v apt-get > /dev/null || fail "no apt-get here: install what corresponds to Debian's$wanted"
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    else
        command -v sudo > /dev/null || fail "neither root nor sudo: run apt-get install$wanted as root"
        as_root=sudo
    fi
    # A fresh machine has no package lists. Word splitting is wanted: each word is a package.
    $as_root apt-get update -q || fail "apt-get update failed: is there a network? Needed are$wanted"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $wanted ||
        fail "apt-get could not install$wanted"
    look
    [ -z "$missing" ] || fail "apt-get installed$wanted, and still does not work what is in$missing: see the PATH"
fi

# rustup puts cargo where a fresh shell may not look yet.
if ! command -v cargo > /dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    fail "cargo is installed but not on the PATH: run  . \"\$HOME/.cargo/env\""
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
install_rust="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh   (see https://rustup.rs)"
command -v cargo > /dev/null || fail "no Rust toolchain: install Rust $wanted or later with
    $install_rust"
version=$(rustc --version | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
reaches "$wanted" "$version" || fail "Rust $version is too old: $wanted or later is needed (rustup update stable, or
    $install_rust)"

if [ "$purpose" = bindings ]; then
    wanted=$(sed -n 's/.*"node": ">=\(.*\)".*/\1/p' bindings/node/package.json)
    version=$(node --version)
    reaches "v$wanted" "$version" ||
        fail "Node.js $version is too old: install nodejs $wanted or later, see https://nodejs.org"
    wanted=$(sed -n 's/^requires-python = ">=\(.*\)"/\1/p' bindings/python/pyproject.toml)
    version=$("$PYTHON" -c 'import platform; print(platform.python_version())')
    reaches "$wanted" "$version" ||
        fail "Python $version is too old: install python3 $wanted or later, or name another by PYTHON=..."
    wanted=$(sed -n 's/^go //p' bindings/go/go.mod)
    version=$(go env GOVERSION)
    # From 1.21 on the Go tool gets itself a newer one where a module asks for it, if it may.
    enough=1.21
    [ "$(go env GOTOOLCHAIN)" != local ] || enough=$wanted
    reaches "go$enough" "$version" ||
        fail "${version:-Go} is too old: install Go $wanted or later, see https://go.dev/dl, or golang-go of
    Debian's backports"
fi
