# Everything that a developer runs. `make` alone lists the targets.

CARGO ?= cargo
# Where `make install` puts things; DESTDIR goes in front of it and is not written into any file.
PREFIX ?= /usr/local
DESTDIR ?=
# Below PREFIX: lib/x86_64-linux-gnu, lib64...
LIBDIR ?= lib
# Where the built libraries are taken from.
BUILT ?= target/release

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
MAJOR := $(firstword $(subst ., ,$(VERSION)))
.PHONY: help demo test test-bindings test-cpp test-go test-node test-python conformance test-examples lint bench \
	bench-compare fuzz golden instructions mutants models tsan sanitize miri build header install install-files

help:
	@echo 'make demo      import real problem packages into a store, close it, open it again, read every tree back'
	@echo 'make test      every test'
	@echo 'make test-bindings  every test of every wrapper: the next six'
	@echo 'make test-cpp  every test of the C++ wrapper'
	@echo 'make test-go   every test of the Go module'
	@echo 'make test-node every test of the Node.js package'
	@echo 'make test-python  every test of the Python package'
	@echo 'make conformance   the same calls in every language, and stores that each reads of each'
	@echo 'make test-examples  one program in every language, on the same packages'
	@echo 'make instructions  the instructions of each hot path, beside what they were'
	@echo 'make models    loom and shuttle: interleavings of threads'
	@echo 'make tsan      C programs with many threads under ThreadSanitizer'
	@echo 'make lint      format, lints, documentation'
	@echo 'make bench     criterion benchmarks, Stratum beside the raw yardstick'
	@echo 'make bench-compare one table: Stratum, SQLite, LMDB, redb, fjall, RocksDB and the raw yardstick; ARGS=... says which,'
	@echo '                  or one of ARGS=scale, compaction, stratakv, calls, limits; ARGS="scale --help" says more'
	@echo 'make fuzz      the fuzz targets, FUZZ_SECONDS (30) each'
	@echo 'make golden    write the golden stores of the format anew: only before its first release'
	@echo 'make mutants   change the engine in every small way, one at a time, and see that a test fails (hours; docs/mutation.md)'
	@echo 'make sanitize  the C programs and unit tests with the library under AddressSanitizer and LeakSanitizer'
	@echo 'make miri      unit tests of format, index and capi under miri, where there is one'
	@echo 'make header    refresh include/stratum.h from src/capi'
	@echo 'make install   shared and static library, header, pkg-config and CMake files, into PREFIX ($(PREFIX))'

demo:
	examples/demo.sh

test:
	tools/setup.sh test
	$(CARGO) test

models:
	.ci/models

instructions:
	.ci/instructions

tsan:
	.ci/tsan

test-bindings: test-cpp test-go test-node test-python conformance test-examples

test-cpp:
	bindings/cpp/test.sh

test-go:
	bindings/go/test.sh

test-node:
	bindings/node/test.sh

test-python:
	bindings/python/test.sh

conformance:
	bindings/conformance/run

test-examples:
	examples/judge/test.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc -q --no-deps -p stratum

bench:
	$(CARGO) bench --bench golden_sets

bench-compare:
	tools/setup.sh bench
	$(CARGO) run --release -p bench-compare --features rocksdb -- $(ARGS)

fuzz:
	fuzz/run.sh

golden:
	STRATUM_GOLDEN_WRITE=v1 $(CARGO) test --test golden recipes

# MUTANTS are further arguments for cargo-mutants: --shard 0/8, -F '^src/recovery/'
mutants:
	.ci/mutants --all $(MUTANTS)

sanitize:
	tools/sanitizers.sh

miri:
	tools/miri.sh

build:
	$(CARGO) build --release --lib

# build.rs makes the header into its OUT_DIR; cargo says where that is.
header:
	out=$$($(CARGO) build --lib --message-format=json | \
		sed -n 's|.*"build-script-executed".*path+file://$(CURDIR)#.*"out_dir":"\([^"]*\)".*|\1|p') && \
	install -m 644 "$$out/stratum.h" include/stratum.h

install: build install-files

install-files:
	BUILT='$(BUILT)' VERSION='$(VERSION)' MAJOR='$(MAJOR)' \
	PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' DESTDIR='$(DESTDIR)' packaging/install.sh
