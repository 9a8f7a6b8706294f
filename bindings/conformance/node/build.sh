#!/bin/sh
# Builds the Node.js runner into build/conformance/node: the package's addon, with the library of the debug build, and a
# script that starts the runner.
set -eu
cd "$(dirname "$0")/../../.."
(cd bindings/node && npm ci --silent --ignore-scripts && node build.mjs --debug)
mkdir -p build/conformance
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$PWD/bindings/conformance/node/runner.cjs" > build/conformance/node
chmod +x build/conformance/node
