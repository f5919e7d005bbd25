# SPDX-License-Identifier: Apache-2.0
# The project's face; the build itself is Meson's. Each target first installs what is missing
# (scripts/bootstrap), so that a bare Debian 12 needs only git and make.
BUILD ?= build
PREFIX ?= /usr/local
BENCH ?=
SUITES ?=
FUZZ_SECONDS ?= 5

.DEFAULT_GOAL := build
.PHONY: help build run test lint format sanitize tsan bench fuzz cpython stress programs storage servers soak install clean

help: ## list the targets
	@sed -n 's/^\([a-z ]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

build: ## build/cloister and build/cloister-sentry
	@scripts/bootstrap build
	@scripts/build $(BUILD)

run: build ## a command in the sandbox, and what it is confined to
	@CLOISTER=$(BUILD)/cloister scripts/demo

test: ## all tests (SUITES="unit guest": only these)
	@scripts/bootstrap build test
	@scripts/build $(BUILD)
	@scripts/test --build $(BUILD) $(SUITES)

lint: ## format, includes, static checks, a second compiler
	@scripts/bootstrap build lint
	@scripts/lint

format: ## rewrite the sources as .clang-format has them (FILES="...": only these)
	@scripts/bootstrap lint
	@scripts/format $(FILES)

sanitize: ## the same tests with address and undefined-behaviour sanitizers and lock order checks
	@scripts/bootstrap build test
	@scripts/build $(BUILD)-sanitize -Db_sanitize=address,undefined -Ddebug_locks=true
	@ASAN_OPTIONS=$${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1} UBSAN_OPTIONS=print_stacktrace=1 \
	    scripts/test --build $(BUILD)-sanitize $(SUITES)

tsan: ## the unit tests with the thread sanitizer
	@scripts/bootstrap build test
	@scripts/build $(BUILD)-tsan -Db_sanitize=thread
	@scripts/test --build $(BUILD)-tsan unit

bench: ## figures against native, crun and runsc
	@scripts/bootstrap build test bench
	@scripts/build $(BUILD)
	@CLOISTER=$(abspath $(BUILD))/cloister tests/bench/run $(BENCH)

fuzz: ## each fuzzer for FUZZ_SECONDS
	@scripts/bootstrap build fuzz
	@CC=clang scripts/build $(BUILD)-fuzz -Dfuzz=true -Dunit_tests=false -Db_sanitize=address,undefined -Db_lundef=false
	@scripts/fuzz $(BUILD)-fuzz $(FUZZ_SECONDS)

cpython stress programs storage servers soak: ## long suites: CPython's tests, stress-ng's, whole programs, programs that live on files, servers, ten minutes of storms
	@scripts/bootstrap build test $@
	@scripts/build $(BUILD)
	@CLOISTER_SUITE_LIMIT=$${CLOISTER_SUITE_LIMIT:-14400} scripts/test --build $(BUILD) $@

install: build ## into PREFIX (/usr/local) below DESTDIR
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD) --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-clang
