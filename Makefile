# The commands of this project. `make demo` and `make test` work in a fresh clone on a bare
# Debian 12 (root or sudo): they install the Debian packages that are missing and say which.
JOBS ?= $(shell nproc)
CTEST_ARGS ?=

.PHONY: help demo test build packages bench format check-format clean

help:
	@echo 'make demo    build, start the bundled ARM simulator, plan and apply a drifted fleet'
	@echo 'make test    build and run every test'
	@echo 'make build   build/bin/dps-reconciler and build/bin/arm-simulator'
	@echo 'make bench   the budgets, measured beside a floor'
	@echo 'make format  clang-format over the tree'

packages:
	@.ci/install-packages build

build: packages
	@cmake --preset release >/dev/null
	@cmake --build build -j $(JOBS)

demo: build
	@deploy/demo/run.sh

test: build
	@ctest --test-dir build --output-on-failure -j $(JOBS) $(CTEST_ARGS)

bench: build
	@tests/bench/run.sh

format:
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format -i

check-format:
	@git ls-files '*.cpp' '*.hpp' | xargs clang-format --dry-run -Werror

clean:
	@rm -rf build build-dev build-asan build-tsan build-tidy
