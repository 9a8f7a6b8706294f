#!/usr/bin/env bash
# Builds the fuzz targets and runs them. Ends with an error where a target finds something; the input is then in
# target/artifacts/.
#
#     fuzz/run.sh                each target for FUZZ_SECONDS (default 30)
#     fuzz/run.sh TARGET...      those that are named
#     fuzz/run.sh ci             every seed through its target, then FUZZ_SECONDS (default 45) each of store, packed and
#                                value together, and calls
#
# 1. A run begins with the seeds in data/ and goes on from what earlier runs kept in target/corpus/; `ci` begins with the
#    seeds alone and keeps nothing. Its random numbers follow from the commit, so that a run can be repeated.
# 2. Plain cargo builds what `cargo fuzz build` would, with the same flags; cargo-fuzz need not be installed, and works.
set -euo pipefail
cd "$(dirname "$0")"

host=$(rustc -vV | sed -n 's/^host: //p')
built=target/$host/release

build() {
    command -v g++ > /dev/null || { echo 'fuzz: no g++, which builds libFuzzer: apt-get install g++' >&2; exit 1; }
    coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
        -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-stack-depth
        -Cllvm-args=-simplifycfg-branch-fold-threshold=0'
    # The sanitizers' flags are not stable; RUSTC_BOOTSTRAP lets the stable compiler take them.
    # shellcheck disable=SC2116
    RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=detect_odr_violation=0 \
        RUSTFLAGS="$(echo $coverage) --cfg fuzzing -Zsanitizer=address -Cdebug-assertions -Ccodegen-units=1" \
        cargo build --release --bins --target "$host"
}

# What every run of a target gets.
limits=(-timeout=120 -rss_limit_mb=4096)

# fuzz SECONDS TARGET FOLDER...: FOLDER... has what it begins with; the first takes what it finds worth keeping.
fuzz() {
    local seconds=$1 target=$2
    shift 2
    mkdir -p "target/artifacts/$target"
    local dictionary=()
    [ ! -f "dictionaries/$target" ] || dictionary=(-dict="dictionaries/$target")
    # Sequences of calls are worth something when they are long, from the start.
    # A leak is looked for when more was taken than given back, which a host with open handles always does; that is slow.
    [ "$target" != calls ] || dictionary+=(-len_control=0 -max_len=1500 -detect_leaks=0)
    "$built/$target" "$@" "${limits[@]}" "${dictionary[@]}" -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="target/artifacts/$target/"
}

# Every seed of a target, once.
replay() {
    mkdir -p "target/artifacts/$1"
    "$built/$1" -runs=0 "${limits[@]}" -artifact_prefix="target/artifacts/$1/" "data/$1"
}

# In the background a target's words would be mixed with another's: they go to a file, which is shown at its end.
fresh() {
    local seconds=$1 target=$2 kept
    kept=$(mktemp -d)
    if fuzz "$seconds" "$target" "$kept" "data/$target" -seed="$seed" > "target/$target.log" 2>&1; then
        grep -E '^(#[0-9]+.DONE|stat::number_of_executed_units)' "target/$target.log" | sed "s/^/$target: /"
        rm -rf "$kept"
    else
        cat "target/$target.log"
        echo "fuzz: $target found something" >&2
        exit 1
    fi
}

all=(record packed value store ops calls)
if [ "${1:-}" = ci ]; then
    build
    for target in "${all[@]}"; do
        replay "$target"
    done
    seconds=${FUZZ_SECONDS:-45}
    seed=$((16#$(git rev-parse HEAD | cut -c1-7) + 1)) # zero would be a random one
    echo "fuzz: seed $seed"
    fresh "$seconds" store
    fresh "$seconds" packed &
    packed=$!
    fresh "$seconds" value
    wait "$packed"
    fresh "$seconds" calls
    exit
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")
build
for target in "${targets[@]}"; do
    mkdir -p "target/corpus/$target"
    fuzz "${FUZZ_SECONDS:-30}" "$target" "target/corpus/$target" "data/$target"
done
