#!/bin/sh
# Measures the Python package beside py-lmdb and sqlite3: builds the wheel, installs it with py-lmdb into a venv, and runs
# compare.py, whose options it takes. BUILD_ONLY=1 stops before the measurement.
set -eu
cd "$(dirname "$0")/../../.."
tools/setup.sh bindings
bindings/python/build.sh > /dev/null
venv=$PWD/build/python/bench
[ -x "$venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check lmdb
"$venv/bin/pip" install -q --disable-pip-version-check --force-reinstall build/python/release/*.whl
[ -n "${BUILD_ONLY:-}" ] || exec "$venv/bin/python" bindings/python/bench/compare.py "$@"
