#!/bin/sh
# Every test of the Go module: vet, the tests in all modes that find something, the installed library, the README's
# quick start. Ends with go test's summary.
#
# 1. What is missing is installed, or named; nothing is skipped.
set -eu
cd "$(dirname "$0")/../.."
tools/setup.sh bindings
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
bindings/go/build-lib.sh
unformatted=$(gofmt -l bindings/go bindings/conformance/go examples/judge/go)
if [ -n "$unformatted" ]; then
    echo "test-go: not as gofmt has it: $unformatted" >&2
    exit 1
fi
for module in bindings/go bindings/go/bench bindings/conformance/go examples/judge/go; do
    (cd "$module" && go vet ./...)
done
echo 'gofmt, go vet: ok'

# The quick start of the README, exactly as it stands.
out=build/go
rm -rf "$out" build/sums
mkdir -p "$out"
block() {
    sed -n '/^## Quick start/,/^## In a project/p' bindings/go/README.md |
        sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" | sed '1d;$d'
}
block sh > "$out/start.sh"
block text > "$out/expected"
[ -s "$out/start.sh" ] && [ -s "$out/expected" ] || {
    echo 'test-go: the quick start is not in the README any more' >&2
    exit 1
}
sh -eu "$out/start.sh" | diff "$out/expected" -
echo 'quick start: ok'

# The installed library.
prefix=$PWD/$out/usr
make -s install-files PREFIX="$prefix" BUILT="${CARGO_TARGET_DIR:-target}/release" > /dev/null
(cd bindings/go && PKG_CONFIG_PATH="$prefix/lib/pkgconfig" LD_LIBRARY_PATH="$prefix/lib" \
    go test -timeout 60m -count=1 -tags stratum_system -run 'Values|Examples|Work|Repaired' .)
echo 'the installed library: ok'

cd bindings/go
(cd bench && go test -timeout 60m -count=1 -run . -bench . -benchtime 1x . > "../../../$out/bench.txt")
echo 'each benchmark once: ok'
GODEBUG=cgocheck=1 go test -timeout 60m -count=1 -race .
GOEXPERIMENT=cgocheck2 go test -timeout 60m -count=1 .
go test -timeout 60m -count=1 -v . > "../../$out/test.txt" || {
    cat "../../$out/test.txt"
    exit 1
}
echo "test-go: $(grep -c '^--- PASS' "../../$out/test.txt") tests and examples"
tail -n 2 "../../$out/test.txt"
