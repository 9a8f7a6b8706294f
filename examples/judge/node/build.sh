#!/bin/sh
# Makes OUT, `judge` for Node.js with the package of this checkout: examples/judge/node/build.sh OUT
set -eu
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")"
(cd ../../../bindings/node && npm ci --silent --ignore-scripts && node build.mjs --debug)
npm ci --silent --ignore-scripts
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$PWD/judge.mjs" > "$out"
chmod +x "$out"
