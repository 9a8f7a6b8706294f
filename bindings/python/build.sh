#!/bin/sh
# Builds the wheel into build/python/release.
#
#     PYTHON=python3.12    the Python that it is for (python3)
#     PROFILE=debug        with the library of a debug build, into build/python/debug
#     WHEELS=DIR           into that directory
#     CFLAGS, LDFLAGS      further ones, for the extension
#
# 1. Nothing is installed into the system's Python, and nothing is written outside of build/ and target/.
set -eu
cd "$(dirname "$0")/../.."
export PIP_CONSTRAINT=bindings/python/constraints.txt
PYTHON=${PYTHON:-python3}
PROFILE=${PROFILE:-release}
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "build: $("$PYTHON" --version) is too old: PYTHON=... names one of 3.10 or later" >&2
    exit 1
}
out=$PWD/build/python

if [ "$PROFILE" = release ]; then
    cargo build -q --lib --release
else
    cargo build -q --lib
fi
mkdir -p "$out"
# One build at a time: the tests and the conformance suite may both ask for it.
exec 9> "$out/lock"
flock 9
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
tools=$out/tools-$version
wheels=${WHEELS:-$out/$PROFILE}
if [ ! -x "$tools/bin/pip" ]; then
    "$PYTHON" -m venv "$tools"
fi
"$tools/bin/python" -c 'import cffi, setuptools, wheel' 2> /dev/null ||
    "$tools/bin/pip" install -q --disable-pip-version-check 'setuptools>=61' wheel 'cffi>=1.15'

# setuptools writes beside what it builds: that is a copy.
rm -rf "$out/source" "$wheels"
mkdir -p "$out/source"
(cd bindings/python && cp -R README.md pyproject.toml setup.py build_native.py native src "$out/source/")
STRATUM_HEADER=$PWD/include/stratum.h
STRATUM_LIBRARY=${CARGO_TARGET_DIR:-$PWD/target}/$PROFILE/libstratum.a
STRATUM_LIBS=$(packaging/native-libs.sh)
export STRATUM_HEADER STRATUM_LIBRARY STRATUM_LIBS
"$tools/bin/pip" wheel -q --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir "$wheels" "$out/source"
echo "built $(ls "$wheels"/*.whl)"
