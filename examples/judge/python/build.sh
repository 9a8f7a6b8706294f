#!/bin/sh
# Makes OUT, `judge` in Python with the wheel of this checkout in a venv beside it: examples/judge/python/build.sh OUT
set -eu
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/../../.."
export PIP_CONSTRAINT=bindings/python/constraints.txt
PROFILE=debug bindings/python/build.sh > /dev/null
"${PYTHON:-python3}" -m venv "$out.venv"
"$out.venv/bin/pip" install -q --disable-pip-version-check build/python/debug/*.whl PyYAML
cat > "$out" <<END
#!/bin/sh
exec env PYTHONDONTWRITEBYTECODE=1 "$out.venv/bin/python" "$PWD/examples/judge/python/judge.py" "\$@"
END
chmod +x "$out"
