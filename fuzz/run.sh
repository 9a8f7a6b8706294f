#!/usr/bin/env bash
# Builds the fuzz targets and runs each, or those named, for FUZZ_SECONDS (default 30). Begins with the seeds in data/ and
# goes on from what earlier runs kept in target/. Ends with an error where a target found something.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${FUZZ_SECONDS:-30}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(record packed value store ops)
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
# The sanitizers' flags are not stable; this lets the stable compiler take them.
export RUSTC_BOOTSTRAP=1
cargo fuzz build
for target in "${targets[@]}"; do
    mkdir -p "target/corpus/$target" "target/artifacts/$target"
    cargo fuzz run "$target" "target/corpus/$target" "data/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$PWD/target/artifacts/$target/"
done
