#!/bin/sh
# Every test of the Node.js package: symbols of the addon, types, the README's quick start, the packed package by import
# and require, building from the package's sources, and node's own tests, with the addon under AddressSanitizer, then
# without: their summary comes last.
#
# 1. What is missing is installed, or named; nothing is skipped.
# 2. First it is seen that the sanitizer finds an overrun of JavaScript's memory, and a use of the library's after it
#    was given back.
set -eu
cd "$(dirname "$0")/../.."
tools/setup.sh bindings
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
out=$PWD/build/node
rm -rf "$out"
mkdir -p "$out/start"

(cd bindings/node && npm ci --silent --ignore-scripts && node build.mjs --debug)
exports=$(nm -D --defined-only bindings/node/prebuilds/*/stratum.node | sed 's/.* //' | sort | tr '\n' ' ')
if [ "$exports" != 'napi_register_module_v1 node_api_module_get_api_version_v1 ' ]; then
    echo "test-node: the addon exports $exports" >&2
    exit 1
fi
echo 'two symbols: ok'
(cd bindings/node && npm run --silent types)
echo 'types: ok'

# The quick start of the README as it is, but for the build of the addon, which was done above.
sed -n '/^mkdir -p build/,/^node sums/p' bindings/node/README.md | sed 's/ && npm run build//' > "$out/start/start.sh"
sed -n '/^prints/,/^## /p' bindings/node/README.md | sed -n '/^```text/,/^```$/p' | sed '1d;$d' > "$out/start/expected"
[ -s "$out/start/expected" ] && [ -s "$out/start/start.sh" ] || {
    echo 'test-node: the quick start is not in the README any more' >&2
    exit 1
}
ln -s "$PWD/bindings" "$out/start/bindings"
(cd "$out/start" && sh -eu start.sh > printed 2> said) || {
    cat "$out/start/printed" "$out/start/said"
    exit 1
}
tail -n 2 "$out/start/printed" | diff "$out/start/expected" -
echo 'quick start: ok'

cd "$out/start/build/sums-node"
cat > required.cjs <<'END'
const { Store } = require('stratum-store');
const store = Store.openSync('sums.stratum');
const tree = store.latest.tree(1);
console.log(`${tree.columns.get('name')}: ${tree.blobText}`);
for (const { value, output } of tree.inputs) console.log(`${value} -> ${output}`);
store.closeSync();
END
node required.cjs | diff ../../expected -

# Without the addon, the package builds it from its sources and an installed library.
rm -r node_modules/stratum-store/prebuilds
if node required.cjs 2> said; then
    echo 'test-node: it works without an addon' >&2
    exit 1
fi
grep -q 'npm rebuild stratum-store' said
make -s -C "$out/../.." install-files PREFIX="$out/usr" BUILT="${CARGO_TARGET_DIR:-target}/debug" > /dev/null
PKG_CONFIG_PATH="$out/usr/lib/pkgconfig" npm rebuild --silent stratum-store
node required.cjs | diff ../../expected -
echo 'import, require, build from sources: ok'

# The C++ of the addon under ASan, in a copy of the package. Node leaves memory behind when it ends: no leaks are looked
# for. What is freed is kept for a while only, as a test asks how much memory there is.
cd "$out/../.."
sanitized=$out/sanitized
mkdir "$sanitized"
cp -R bindings/node/index.* bindings/node/lib bindings/node/package.json bindings/node/test "$sanitized"
sanitize='-fsanitize=address -fno-omit-frame-pointer -O1 -g'
PREBUILDS=$sanitized/prebuilds CXXFLAGS=$sanitize node bindings/node/build.mjs --debug
# Word splitting is wanted: each word is a flag.
# shellcheck disable=SC2046,SC2086
g++ -std=c++17 -fPIC -shared -Wall -Wextra -Werror -DNAPI_VERSION=8 $sanitize -I include \
    -isystem bindings/node/node_modules/node-api-headers/include bindings/node/test/broken.cc \
    -o "$sanitized/broken.node" "${CARGO_TARGET_DIR:-target}/debug/libstratum.a" $(packaging/native-libs.sh)
cd "$sanitized"
sanitizer=$(gcc -print-file-name=libasan.so)
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8:thread_local_quarantine_size_kb=64
for bug in 'none:no bug' overrun:heap-buffer-overflow freed:heap-use-after-free; do
    found=$(LD_PRELOAD=$sanitizer node -p "require('./broken.node')('${bug%%:*}', new Uint8Array(100))" 2>&1) || true
    case $found in
    *"${bug#*:}"*) ;;
    *)
        echo "test-node: of a bug on purpose (${bug%%:*}) is said: $found" >&2
        exit 1
        ;;
    esac
done
LD_PRELOAD=$sanitizer npm test --silent > "$out/sanitized.txt" 2>&1 || {
    cat "$out/sanitized.txt"
    exit 1
}
unset ASAN_OPTIONS
echo 'sanitizers: ok'

cd "$out/../../bindings/node"
npm test --silent
