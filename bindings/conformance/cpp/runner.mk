# Builds the C++ runner into build/conformance/cpp, with the static library of the debug build.

ROOT := ../../..
BUILT ?= $(ROOT)/target/debug
OUT := $(ROOT)/build/conformance/cpp
CXX ?= g++
CXXFLAGS ?= -O1 -g
HEADERS := $(wildcard *.hpp) $(wildcard $(ROOT)/bindings/cpp/include/stratum/*.hpp) $(ROOT)/include/stratum.h

$(OUT): runner.cpp $(HEADERS) $(BUILT)/libstratum.a runner.mk
	mkdir -p $(dir $(OUT))
	$(CXX) -std=c++17 $(CXXFLAGS) -Wall -Wextra -Werror -pedantic -I $(ROOT)/include -I $(ROOT)/bindings/cpp/include \
		runner.cpp -o $(OUT) $(BUILT)/libstratum.a $$($(ROOT)/packaging/native-libs.sh)
