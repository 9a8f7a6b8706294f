#!/bin/sh
# Every test of the Python package: the wheel in an empty venv, types, pytest, the README's quick start, the example in
# ctypes. Ends with pytest's summary. Further arguments are pytest's.
#
# 1. What is missing is installed, or named; nothing is skipped.
# 2. The system's Python is not touched: everything is installed into venvs below build/.
set -eu
cd "$(dirname "$0")/../.."
export PIP_CONSTRAINT=bindings/python/constraints.txt
tools/setup.sh bindings
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
export PYTHONDONTWRITEBYTECODE=1
PYTHON=${PYTHON:-python3}
out=$PWD/build/python
PROFILE=debug bindings/python/build.sh

# Alone: what the package needs comes from its metadata, and only that.
rm -rf "$out/venv" "$out/work"
mkdir -p "$out/work"
"$PYTHON" -m venv "$out/venv"
pip() {
    "$out/venv/bin/pip" install -q --disable-pip-version-check "$@"
}
pip "$out"/debug/*.whl
(cd "$out/work" && "$out/venv/bin/python" -I -X dev -W error -c 'import lse_client, stratum
with stratum.open("alone") as db:
    assert db[db.create_document(b"alone")].blob == b"alone"')
echo 'wheel in an empty venv: ok'
stray=$(nm -D --defined-only "$out"/venv/lib/python*/site-packages/stratum/_stratum.*.so | grep -v ' PyInit_' || true)
if [ -n "$stray" ]; then
    echo "test-python: the extension exports more than its entry: $stray" >&2
    exit 1
fi

pip mypy pytest types-PyYAML PyYAML
for group in bindings/python/tests bindings/conformance/python examples/judge/python examples/ctypes; do
    (cd "$group" && "$out/venv/bin/mypy" --strict --cache-dir "$out/mypy" --no-error-summary ./*.py)
done
MYPYPATH=bindings/python/src "$out/venv/bin/mypy" --strict --cache-dir "$out/mypy-src" --no-error-summary \
    bindings/python/src/stratum bindings/python/src/lse_client
echo 'types: ok'

cargo build -q --lib
"$out/venv/bin/python" -I examples/ctypes/sums.py "${CARGO_TARGET_DIR:-target}/debug/libstratum.so" "$out/work/ctypes" \
    > "$out/work/ctypes.txt"
printf 'Add two numbers.\n2 3 -> 5\n-1 1 -> 0\nmissing: None\n' | diff - "$out/work/ctypes.txt"
echo 'ctypes: ok'

# The quick start of the README, exactly as it stands.
block() {
    sed -n "/^## Quick start/,/^## What/p" bindings/python/README.md | sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" | sed '1d;$d'
}
block sh > "$out/work/start.sh"
block text > "$out/work/expected"
[ -s "$out/work/expected" ] && [ -s "$out/work/start.sh" ] || {
    echo 'test-python: the quick start is not in the README any more' >&2
    exit 1
}
rm -rf build/try
sh -eu "$out/work/start.sh" | sed '/^built /d' | diff "$out/work/expected" -
echo 'quick start: ok'

# The C of the extension under ASan and UBSan. How much memory the process has says nothing there.
sanitize=-fsanitize=address,undefined
CFLAGS="$sanitize -fno-sanitize-recover=all -O1 -g" LDFLAGS=$sanitize WHEELS=$out/sanitized PROFILE=debug \
    bindings/python/build.sh
[ -x "$out/venv-sanitized/bin/pip" ] || "$PYTHON" -m venv "$out/venv-sanitized"
"$out/venv-sanitized/bin/pip" install -q --disable-pip-version-check pytest 'cffi>=1.15'
"$out/venv-sanitized/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$out"/sanitized/*.whl
cd bindings/python
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
    PYTHONMALLOC=malloc "$out/venv-sanitized/bin/python" -m pytest -q -k 'not leak and not thousand' tests
echo 'sanitizers: ok'

exec "$out/venv/bin/python" -X dev -m pytest -q "$@" tests
