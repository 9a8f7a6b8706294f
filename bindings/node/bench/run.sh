#!/bin/sh
# Measures the package beside better-sqlite3: bindings/node/bench/run.sh [TREES [ROUNDS]]
#
# 1. The addon is built for release, better-sqlite3 from the SQLite in its package: that takes minutes, the first time.
set -eu
cd "$(dirname "$0")/../../.."
tools/setup.sh bindings
(cd bindings/node && npm ci --silent --ignore-scripts && npm run --silent build)
cd bindings/node/bench
wanted=$(node -p 'const { packages } = require("./package-lock.json");
[process.version, packages["node_modules/better-sqlite3"].integrity]')
if [ "$(cat node_modules/built 2> /dev/null)" != "$wanted" ]; then
    npm ci --silent --ignore-scripts
    # Node's own headers, where they lie beside it; otherwise node-gyp gets them.
    beside=$(node -p 'path.resolve(process.execPath, "../..")')
    if [ -f "$beside/include/node/node.h" ]; then
        export npm_config_nodedir="$beside"
    fi
    (cd node_modules/better-sqlite3 && npm run --silent build-release > build.log 2>&1) || {
        cat node_modules/better-sqlite3/build.log
        exit 1
    }
    echo "$wanted" > node_modules/built
fi
[ -n "${BUILD_ONLY:-}" ] || exec node --expose-gc compare.mjs "$@"
