#!/bin/sh
# Makes build/conformance/python, a program that runs the Python runner with the wheel of the debug build.
set -eu
cd "$(dirname "$0")/../../.."
export PIP_CONSTRAINT=bindings/python/constraints.txt
PROFILE=debug bindings/python/build.sh > /dev/null
venv=$PWD/build/conformance/python-venv
[ -x "$venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check 'cffi>=1.15'
"$venv/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps build/python/debug/*.whl
cat > build/conformance/python <<END
#!/bin/sh
exec env PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$PWD/bindings/conformance/python/runner.py" "\$@"
END
chmod +x build/conformance/python
