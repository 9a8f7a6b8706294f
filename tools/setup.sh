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
# 2. Whatever is missing and cannot be had ends in a message that says what to do, and in status 1.
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

# Whether a C program can be compiled: the compiler alone is no use without the headers of the C library.
compiles() {
    printf '#include <stdio.h>\n#include <dirent.h>\nint main(void) { return 0; }\n' | "$1" -x "$2" -fsyntax-only -
}

# Whether a header of a C++ library is there.
includes() {
    printf '#include <%s>\n' "$1" | g++ -x c++ -fsyntax-only -
}

# Whether an extension of Python can be built, in an environment of its own.
python() {
    python3 -c 'import ensurepip, os, sysconfig, venv
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))'
}

need 'gcc libc6-dev' compiles gcc c
need make command -v make
need pkg-config command -v pkg-config
need libyaml-dev pkg-config --exists yaml-0.1
if [ "${1:-}" = test ]; then
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
elif [ "${1:-}" = bench ]; then
    need g++ compiles g++ c++
    need librocksdb-dev test -f /usr/include/rocksdb/c.h
    need libsqlite3-dev test -f /usr/include/sqlite3.h
elif [ "${1:-}" = bindings ]; then
    need g++ compiles g++ c++
    need cmake command -v cmake
    need libjansson-dev pkg-config --exists jansson
    need nlohmann-json3-dev includes nlohmann/json.hpp
    need nodejs command -v node
    need npm command -v npm
    need 'python3 python3-venv python3-dev' python
    need zlib1g-dev includes zlib.h
    need golang-go command -v go
    need libyaml-cpp-dev pkg-config --exists yaml-cpp
elif [ "${1:-}" = tsan ]; then
    for package in rustc-web cargo-web rust-web-src; do
        need "$package" dpkg -s "$package"
    done
elif [ $# -gt 0 ]; then
    fail "usage: tools/setup.sh [test | bench | bindings | tsan]"
fi

if [ -n "$missing" ]; then
    echo "setup: installing$missing"
    command -v apt-get > /dev/null || fail "no apt-get here: install what corresponds to Debian's$missing"
    if [ "$(id -u)" = 0 ]; then
        as_root=''
    else
        command -v sudo > /dev/null || fail "neither root nor sudo: run apt-get install$missing as root"
        as_root=sudo
    fi
    # A fresh machine has no package lists. Word splitting is wanted: each word is a package.
    $as_root apt-get update -q || fail "apt-get update failed: is there a network?"
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing ||
        fail "apt-get could not install$missing"
fi

# rustup puts cargo where a fresh shell may not look yet.
if ! command -v cargo > /dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
    fail "cargo is installed but not on the PATH: run  . \"\$HOME/.cargo/env\""
fi
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")
install_rust="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh   (see https://rustup.rs)"
command -v cargo > /dev/null || fail "no Rust toolchain: install Rust $wanted or later with
    $install_rust"
version=$(rustc --version | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
[ "$(printf '%s\n%s\n' "$wanted" "$version" | sort -V | head -n 1)" = "$wanted" ] ||
    fail "Rust $version is too old: $wanted or later is needed (rustup update stable, or
    $install_rust)"

if [ "${1:-}" = bindings ]; then
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
        fail "Node.js $(node --version) is too old: version 20 or later is needed (https://nodejs.org)"
    # From 1.21 on the Go tool gets itself a newer one where a module asks for it.
    version=$(go env GOVERSION)
    [ "$(printf 'go1.21\n%s\n' "$version" | sort -V | head -n 1)" = go1.21 ] ||
        fail "$version is too old: install Go 1.24 or later, see https://go.dev/dl, or Debian's backports"
fi
