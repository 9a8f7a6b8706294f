#!/bin/sh
# Builds `judge` in every language (each directory here with a build.sh is one), and sees that all of them do the same.
#
# 1. What a program prints on the project's packages and on those of fixtures.sh is expected.txt, to the byte. After a change
#    of README.md: examples/judge/test.sh record, and read what changed.
# 2. On the packages in SHARED (../shared/data/icpc-packages, where it is there) all print the same.
# 3. Every program shows and checks what every other has stored.
# 4. What is missing is installed, or named; nothing is skipped.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."
tools/setup.sh bindings
out=$PWD/build/judge
rm -rf "$out"
mkdir -p "$out/fixtures"
examples/judge/fixtures.sh "$out/fixtures"
shared=${SHARED:-../shared/data/icpc-packages}
bad='list no_yaml broken no_such_directory'

# run LANGUAGE ARGUMENT...: what a run prints, and its status. On stderr it says something where something is wrong, and
# only then.
run() {
    program=$out/$1
    shift
    status=0
    "$program" "$@" 2> "$out/stderr" || status=$?
    echo "status $status"
    case $* in *"$out/bad"* | *missing* | nonsense | "") said=1 ;; *) said=0 ;; esac
    if [ $said = 1 ]; then
        head -n 1 "$out/stderr" | grep -q '^judge: .' || echo 'says nothing on stderr'
    elif [ -s "$out/stderr" ]; then
        cat "$out/stderr"
    fi
}

# transcript LANGUAGE STORE: all that a program does, from an empty place on.
transcript() {
    store=$2
    run "$1" import "$store" examples/packages/*/ "$out"/fixtures/packages/[cenrsw]*s "$out"/fixtures/packages/exact
    run "$1" import "$store" "$out/bad" examples/packages/mirror "$out/fixtures/packages/list" \
        "$out/fixtures/packages/no_yaml" "$out/fixtures/packages/broken"
    for package in examples/packages/* "$out"/fixtures/outputs/*; do
        package=$(basename "$package")
        case " $bad " in *" $package "*) continue ;; esac
        run "$1" show "$store" "$package"
    done
    for outputs in examples/candidates/*/* "$out"/fixtures/outputs/*; do
        package=$(basename "$outputs")
        case " $bad " in *" $package "*) continue ;; esac
        run "$1" check "$store" "$package" "$outputs"
    done
    run "$1" show "$store" missing
    run "$1" show "$store.missing" mirror
    run "$1" check "$store.missing" mirror missing
    run "$1" nonsense
    run "$1"
}

# shown LANGUAGE STORE: all that a program finds in a store.
shown() {
    for package in examples/packages/* "$out"/fixtures/outputs/*; do
        package=$(basename "$package")
        case " $bad " in *" $package "*) continue ;; esac
        run "$1" show "$2" "$package"
    done
}

languages=''
for script in examples/judge/*/build.sh; do
    language=$(basename "$(dirname "$script")")
    "$script" "$out/$language"
    languages="$languages $language"
done
if [ "${1:-}" = record ]; then
    transcript c "$out/stores.c" > examples/judge/expected.txt
    exit
fi

passed=0
for language in $languages; do
    transcript "$language" "$out/stores.$language" > "$out/$language.txt"
    diff -u examples/judge/expected.txt "$out/$language.txt" > "$out/diff" || {
        cat "$out/diff"
        echo "judge: $language prints something else (+) than expected (-)" >&2
        exit 1
    }
    passed=$((passed + 1))
    echo "$language: as expected"
done
for writer in $languages; do
    shown "$writer" "$out/stores.$writer" > "$out/$writer.shown"
    for reader in $languages; do
        shown "$reader" "$out/stores.$writer" | diff -u "$out/$writer.shown" - || {
            echo "judge: $reader reads something else than $writer has stored" >&2
            exit 1
        }
        passed=$((passed + 1))
    done
done
echo "stores read across languages: the same"
if [ -d "$shared" ]; then
    for language in $languages; do
        {
            run "$language" import "$out/shared.$language" "$shared"/*/
            for package in "$shared"/*/; do
                run "$language" show "$out/shared.$language" "$(basename "$package")"
                run "$language" check "$out/shared.$language" "$(basename "$package")" "$package/data"
            done
        } > "$out/$language.shared"
        diff -u "$out/c.shared" "$out/$language.shared"
        passed=$((passed + 1))
    done
    echo 'real packages: the same'
else
    echo "judge: no real packages in $shared; what they would test was tested on the project's own" >&2
fi
echo "$passed passed, 0 failed"
