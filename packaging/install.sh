#!/bin/sh
# Installs the built libraries, the header, and the files by which build systems find them. Run by `make install`.
#
# 1. Nothing is written outside DESTDIR + PREFIX.
# 2. DESTDIR is where a packager collects the files; no installed file mentions it.
set -eu

lib="$PREFIX/$LIBDIR"
cmake="$lib/cmake/Stratum"
here=$(dirname "$0")

native_libs=$("$here/native-libs.sh")

# The CMake files find everything from their own place, so that the tree can be moved.
to_prefix=$(realpath -m --relative-to="$cmake" "$PREFIX")
to_lib=$(realpath -m --relative-to="$cmake" "$lib")

fill() {
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@LIBDIR@|$LIBDIR|g" -e "s|@VERSION@|$VERSION|g" -e "s|@MAJOR@|$MAJOR|g" \
        -e "s|@NATIVE_LIBS@|$native_libs|g" -e "s|@TO_PREFIX@|$to_prefix|g" -e "s|@TO_LIB@|$to_lib|g" "$here/$1" \
        > "$DESTDIR$2"
    chmod 644 "$DESTDIR$2"
}

install -d "$DESTDIR$PREFIX/include" "$DESTDIR$lib/pkgconfig" "$DESTDIR$cmake"
install -m 644 include/stratum.h "$DESTDIR$PREFIX/include/stratum.h"
install -m 644 "$BUILT/libstratum.a" "$DESTDIR$lib/libstratum.a"
install -m 755 "$BUILT/libstratum.so" "$DESTDIR$lib/libstratum.so.$VERSION"
ln -sf "libstratum.so.$VERSION" "$DESTDIR$lib/libstratum.so.$MAJOR"
ln -sf "libstratum.so.$MAJOR" "$DESTDIR$lib/libstratum.so"
fill stratum.pc.in "$lib/pkgconfig/stratum.pc"
fill StratumConfig.cmake.in "$cmake/StratumConfig.cmake"
fill StratumConfigVersion.cmake.in "$cmake/StratumConfigVersion.cmake"
