# Builds the C runner into build/conformance/c, with the static library of the debug build.

ROOT := ../../..
BUILT ?= $(ROOT)/target/debug
OUT := $(ROOT)/build/conformance/c
CC := gcc
CFLAGS ?= -O1 -g
SOURCES := $(wildcard *.c)

$(OUT): $(SOURCES) $(wildcard *.h) $(ROOT)/include/stratum.h $(BUILT)/libstratum.a runner.mk
	mkdir -p $(dir $(OUT))
	$(CC) -std=c99 -D_XOPEN_SOURCE=700 $(CFLAGS) -Wall -Wextra -Werror -pedantic -I $(ROOT)/include \
		$(SOURCES) -o $(OUT) $(BUILT)/libstratum.a $$(pkg-config --cflags --libs jansson) \
		$$($(ROOT)/packaging/native-libs.sh)
