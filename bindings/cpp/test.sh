#!/bin/sh
# Every test of the C++ wrapper: languages, sanitizers, packages, the README's quick start. Ends with a summary.
#
# 1. What is missing is installed, or named; nothing is skipped.
set -eu
cd "$(dirname "$0")/../.."
tools/setup.sh bindings
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
    export TMPDIR=/dev/shm
fi
target=${CARGO_TARGET_DIR:-target}/debug
cargo build -q --lib
out=build/cpp
mkdir -p "$out"
native=$(packaging/native-libs.sh)
library="$target/libstratum.a $native"
ran=0

# program NAME SOURCE FLAG...: compiles it and runs it.
program() {
    name=$1
    source=$2
    shift 2
    # Word splitting is wanted: each word is a library.
    # shellcheck disable=SC2086
    g++ -g -Wall -Wextra -Werror -pedantic -I include -I bindings/cpp/include "$@" "bindings/cpp/tests/$source.cpp" \
        -o "$out/$name" $library
    "$out/$name" > "$out/$name.log" || {
        cat "$out/$name.log"
        echo "test-cpp: $name failed" >&2
        exit 1
    }
    ran=$((ran + 1))
    echo "$name: ok"
}

program wrapper17 wrapper -std=c++17
program wrapper20 wrapper -std=c++20
program lifetimes20 lifetimes -std=c++20 -O1
program no_exceptions lifetimes -std=c++17 -fno-exceptions -fno-rtti
program packed20 packed -std=c++20 -O1
program packed_asan packed -std=c++17 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
program wrapper_asan wrapper -std=c++17 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
program lifetimes_asan lifetimes -std=c++17 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all

# The library is not instrumented, so its locks are not seen: it comes as a shared one, whose own accesses are left out.
# What is left are those of the program and of the wrapper.
prefix=$PWD/$out/start/build/usr
rm -rf "$out/start"
mkdir -p "$out/start"
make -s install-files PREFIX="$prefix" BUILT="$target" > /dev/null
export TSAN_OPTIONS=ignore_noninstrumented_modules=1
library="-L $prefix/lib -lstratum -Wl,-rpath,$prefix/lib"
program lifetimes_tsan lifetimes -std=c++17 -O1 -fsanitize=thread
printf '%s\n' '#include <thread>' 'int shared;' 'int main() {' 'std::thread other([] { ++shared; });' '++shared;' \
    'other.join();' '}' > "$out/race.cpp"
g++ -std=c++17 -g -fsanitize=thread "$out/race.cpp" -o "$out/race"
if "$out/race" 2> /dev/null; then
    echo 'test-cpp: TSan does not see a race' >&2
    exit 1
fi

# Two files that include it link into one program, and value() is not there without exceptions.
printf '#include <stratum/stratum.hpp>\nvoid other() {}\n' > "$out/other.cpp"
printf '#include <stratum/stratum.hpp>\nint main() { return stratum::Db::open("").value() ? 0 : 1; }\n' > "$out/value.cpp"
# shellcheck disable=SC2086
g++ -std=c++17 -I include -I bindings/cpp/include "$out/other.cpp" "$out/value.cpp" -o "$out/two" \
    "$target/libstratum.a" $native
if g++ -std=c++17 -fno-exceptions -fsyntax-only -I include -I bindings/cpp/include "$out/value.cpp" 2> /dev/null; then
    echo 'test-cpp: value() is there without exceptions' >&2
    exit 1
fi
ran=$((ran + 2))
echo 'two files, no value(): ok'

# The quick start of the README as it is, but for the make install, which was done above; then the packages.
sed -n '/^mkdir -p build/,/^build\/sums-cpp\/sums$/p' bindings/cpp/README.md > "$out/start/start.sh"
sed -n '/^prints/,/^## /p' bindings/cpp/README.md | sed -n '/^```text/,/^```$/p' | sed '1d;$d' > "$out/start/expected"
[ -s "$out/start/expected" ] && [ -s "$out/start/start.sh" ] || {
    echo 'test-cpp: the quick start is not in the README any more' >&2
    exit 1
}
ln -s "$PWD/bindings" "$out/start/bindings"
(cd "$out/start" && sh -eu start.sh) > "$out/start/printed"
diff "$out/start/expected" "$out/start/printed"
echo 'quick start: ok'

cmake -S bindings/cpp -B "$out/package" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_INSTALL_PREFIX="$prefix" \
    -DCMAKE_INSTALL_LIBDIR=lib > /dev/null
cmake --install "$out/package" > /dev/null
sums=$out/start/build/sums-cpp
cp bindings/cpp/tests/consumer/CMakeLists.txt "$sums/"
cmake -S "$sums" -B "$out/start/by-cmake" -DCMAKE_PREFIX_PATH="$prefix" > /dev/null
cmake --build "$out/start/by-cmake" > /dev/null
(cd "$out/start" && ./by-cmake/consumer) | diff "$out/start/expected" -
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
# shellcheck disable=SC2046
g++ -std=c++17 "$sums/sums.cpp" -o "$out/start/by-pkg-config" $(pkg-config --cflags --libs stratum-cpp) \
    "-Wl,-rpath,$prefix/lib"
(cd "$out/start" && ./by-pkg-config) | diff "$out/start/expected" -
ran=$((ran + 3))
echo 'CMake and pkg-config packages: ok'
echo "test-cpp: $ran programs and packages, all well"
