# ml4t.backtest: `make demo` and `make test` do all of their own set-up.
#
# Needed beforehand: Python >= 3.11 (choose one with PYTHON=...), a C compiler, make.

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# What pip says goes to a log, which is shown where it fails: make says what is going on.
INSTALL = $(call logged,$(VENV),$(BIN)/python -m pip install --disable-pip-version-check $(1))
logged = $(2) >$(1)/install.log 2>&1 || { cat $(1)/install.log >&2; exit 1; }
TESTS ?= tests
# Random markets in full are for the release build; other builds and versions see the first shard of them.
FEWER_MARKETS ?= --first-shard
comma := ,

# The in-place build, which demo, test, bench and gate use, is the release one. The other profiles
# are built below build/<profile>/site and put in front of it, so nothing is overwritten.
export ML4T_BUILD := release
SITE = $(CURDIR)/build/$(1)/site

.DEFAULT_GOAL := help
.PHONY: help demo test test-checked test-lowest build checked asan profile trace coverage lint format \
        types diagram names docs-test parity bench peers compare growth gate gate-test sdist wheel clean distclean dev

help:
	@echo 'make demo          run the demonstration on real market data'
	@echo 'make test          run all tests (release build)'
	@echo
	@echo 'make build         compile the modules in place (release)'
	@echo 'make test-checked  run all tests on the build with every check on'
	@echo 'make asan          run what reaches C with every check on, under the sanitizers of gcc (memory, undefined behaviour)'
	@echo 'make test-lowest   run all tests with the oldest supported dependencies (Python 3.11)'
	@echo 'make docs-test     run the code blocks of the documentation'
	@echo 'make parity        ask backtesting.py, backtrader, vectorbt and zipline anew, and compare'
	@echo 'make lint          ruff'
	@echo 'make diagram       write the diagram of rooms in docs/design.md anew'
	@echo 'make names         write docs/names.md anew, from the classes it speaks of'
	@echo 'make types         mypy, the stubs against the built modules, and the pages as editors see them'
	@echo 'make coverage      lines of .py and .pyx reached by the tests (trace build)'
	@echo 'make bench         benchmarks: print the table, fail on a breach'
	@echo 'make peers         our runs beside those of vectorbt (numba, Rust) and raptorbt, which it installs'
	@echo 'make compare REV=x  is this commit slower than commit x? fail where it is, by 3%'
	@echo 'make gate          overhead of risk rules: print the table, fail on a breach'
	@echo 'make growth        twice as much of anything takes at most 2.2 times as long'
	@echo 'make gate-test     the gates fail and pass what they should'
	@echo 'make profile SCRIPT=profiling/x.py   run a script on the profile build'
	@echo 'make sdist, make wheel               into dist/ (the wheel from the sdist)'
	@echo 'make dev           install everything a developer needs'
	@echo 'make clean, make distclean           remove what was built; the environments too'
	@echo
	@echo 'Variables: PYTHON=python3.12  JOBS=2  TESTS=tests/unit'

# --- set-up -------------------------------------------------------------------------------------

$(VENV)/.stamp-tools:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "error: $(PYTHON) not found: install Python 3.11 or newer, or name yours with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1 | head -1): name another with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make virtual environments: install its venv module (Debian/Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(call INSTALL,--upgrade pip 'setuptools>=77' 'Cython>=3.1$(comma)<4')
	@touch $@

build: $(VENV)/.stamp-tools
	@echo "Compiling what changed (some minutes the first time) ..."
	@$(BIN)/python setup.py -q build_ext --inplace -j$(JOBS)

# Editable, in the mode that type checkers can follow. The modules are compiled before it, and it is told so: pip would
# compile them all anew, and the next `make build` too, since its Cython is newer than what ours has translated.
# Isolated: a dependency without a wheel for this machine must not be built with our tools (peewee 3.17 and Cython 3.3).
define install-extras
	@echo "Installing dependencies ($(1)) ..."
	@ML4T_COMPILED=1 $(call INSTALL,--config-settings editable_mode=compat -e '.[$(1)]')
	@touch $@
endef

$(VENV)/.stamp-demo: pyproject.toml | build
	$(call install-extras,plot)

$(VENV)/.stamp-dev: pyproject.toml | build
	$(call install-extras,dev)
	@touch $(VENV)/.stamp-demo

dev: $(VENV)/.stamp-dev

# --- the newcomer's two commands ----------------------------------------------------------------

demo: build $(VENV)/.stamp-demo
	@$(BIN)/ml4t-backtest demo

test: build $(VENV)/.stamp-dev
	ML4T_EXPECT_PROFILE=release $(BIN)/pytest -n $(JOBS) --dist worksteal $(TESTS)

# --- other builds and environments --------------------------------------------------------------

define build-aside
	@echo "Compiling the $(1) build (some minutes the first time) ..."
	@ML4T_BUILD=$(1) $(BIN)/python setup.py -q build --build-lib build/$(1)/site
endef

checked trace: $(VENV)/.stamp-tools
	$(call build-aside,$@)

# What guards in C can tell of: what is Python alone (reports, the shell, pages) runs on the release build.
test-checked: checked build $(VENV)/.stamp-dev
	PYTHONPATH=$(call SITE,checked) ML4T_EXPECT_PROFILE=checked $(BIN)/pytest -n $(JOBS) --dist worksteal $(FEWER_MARKETS) \
	  $(if $(filter command,$(origin TESTS)),$(TESTS),tests/unit/data tests/unit/market tests/unit/risk \
	  tests/unit/strategy tests/unit/records tests/unit/lookahead tests/property tests/integration tests/doors \
	  tests/conformance tests/parity tests/house/test_build.py)

# The sanitizers want to be there before the interpreter, and libstdc++ before what Arrow throws. Leaks are
# not looked for: an interpreter that ends leaves much behind. PYTHONMALLOC: each object a piece of memory of
# its own, so that a step beside it is seen. Freed memory is kept for a while, to see it used; 64 MB of it. The guards of the checked build
# are in it, too. Left out are tests of Python alone, relations of runs, which walk where the others do, and doors, whose
# children have a limit of memory that sanitizers do not know.
SANITIZED = LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" \
  ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=64 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc

asan: build $(VENV)/.stamp-dev
	$(call build-aside,asan)
	$(SANITIZED) PYTHONPATH=$(call SITE,asan) ML4T_EXPECT_PROFILE=asan $(BIN)/pytest -n $(JOBS) --dist worksteal $(FEWER_MARKETS) \
	  $(if $(filter command,$(origin TESTS)),$(TESTS),tests/unit tests/integration tests/conformance \
	  $(patsubst %,tests/property/test_%.py,agreement call_times chunks compiled_strategy fine_bars) \
	  tests/house/test_build.py \
	  $(addprefix --ignore=tests/unit/,analytics benchmarks cli profiling report runfile sweep walk_forward) \
	  $(patsubst %,--ignore=tests/integration/test_%.py,demo interrupted_writes notebook page_in_a_browser processes \
	    returns_for_others run_files sweep_killed sweep_workers))

.venv-lowest/.stamp: pyproject.toml .ci/lowest.py
	@command -v python3.11 >/dev/null 2>&1 || { \
	  echo "error: python3.11 not found: the oldest versions supported exist for it only" >&2; exit 1; }
	@echo "Setting up .venv-lowest ..."
	@python3.11 -m venv --clear .venv-lowest
	@.venv-lowest/bin/python .ci/lowest.py > .venv-lowest/lowest.txt
	@$(call logged,.venv-lowest,.venv-lowest/bin/python -m pip install --disable-pip-version-check -r .venv-lowest/lowest.txt)
	@touch $@

# On the wheel, as an installed package. The compiled modules depend on none of these versions, so what tests
# them alone (random markets, the reference, doors) is left to the other builds.
# Old libraries call what newer ones of others deprecate; that is no fault of ours.
test-lowest: .venv-lowest/.stamp dist/.stamp
	@$(call logged,.venv-lowest,.venv-lowest/bin/python -m pip install --disable-pip-version-check --no-deps --force-reinstall dist/*-cp311-*.whl)
	ML4T_EXPECT_PROFILE=release .venv-lowest/bin/pytest -n $(JOBS) --dist worksteal -W default::DeprecationWarning $(FEWER_MARKETS) \
	  $(if $(filter command,$(origin TESTS)),$(TESTS),tests/unit tests/integration tests/docs tests/parity tests/mutated \
	  tests/conformance tests/house/test_build.py tests/property/test_tables.py tests/property/test_frames.py)

sdist: $(VENV)/.stamp-dev
	@rm -rf dist && $(BIN)/python -m build --sdist

dist/.stamp: $(shell find ml4t -type f ! -name '*.so' ! -name '*.pyd' ! -name '*.c' ! -path '*/__pycache__/*') \
             setup.py pyproject.toml MANIFEST.in | $(VENV)/.stamp-dev
	@rm -rf dist && mkdir -p build
	@echo "Building the sdist, and the wheel from it ..."
	@$(BIN)/python -m build >build/wheel.log 2>&1 || { cat build/wheel.log >&2; exit 1; }
	@touch $@

wheel: dist/.stamp
	@ls dist

# --- quality ------------------------------------------------------------------------------------

lint: $(VENV)/.stamp-dev
	$(BIN)/ruff check .

format: $(VENV)/.stamp-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Read off the sources: nothing needs to be compiled for it.
diagram: $(VENV)/.stamp-dev
	cd tests && ../$(BIN)/python -m house.diagram --write

names: build $(VENV)/.stamp-dev
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m docs.names --write

types: build $(VENV)/.stamp-dev
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist .ci/stubtest-allowlist.txt \
	  $$(find ml4t -name '*.pyi' ! -name __init__.pyi | sed 's#/#.#g; s#\.pyi$$##' | sort)
	cd tests && ../$(BIN)/python -m house.typed_pages

docs-test: build $(VENV)/.stamp-dev
	$(BIN)/pytest -n $(JOBS) --dist worksteal tests/docs

# Relative paths of the .pyx are looked up from here, their C files stand beside them.
coverage: trace build $(VENV)/.stamp-dev
	@$(BIN)/coverage erase
	PYTHONPATH=$(call SITE,trace) ML4T_EXPECT_PROFILE=trace $(BIN)/coverage run $(BIN)/pytest $(TESTS)
	@$(BIN)/coverage combine --quiet || true
	$(BIN)/coverage report

# The peers exclude one another, so each is installed into build/parity/<peer>. Answers and tables are written anew.
parity: build $(VENV)/.stamp-dev
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m parity.record
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m parity.page

# --- speed --------------------------------------------------------------------------------------

bench: build $(VENV)/.stamp-dev
	$(BIN)/python -m benchmarks.bench

peers: build $(VENV)/.stamp-dev
	$(BIN)/python -m benchmarks.peers

# Both are compiled apart, so this needs the tools and dependencies only.
compare: build $(VENV)/.stamp-dev
	@test -n "$(REV)" || { echo "error: name the commit to compare with: make compare REV=<commit>" >&2; exit 2; }
	$(BIN)/python -m benchmarks.compare $(REV) --jobs $(JOBS)

gate: build $(VENV)/.stamp-dev
	$(BIN)/python -m benchmarks.gates

# Growth is a ratio of times, and the gates are tested by what they measure: nothing may run beside them.
growth: build $(VENV)/.stamp-dev
	$(BIN)/pytest -m timing tests/growth

gate-test: build $(VENV)/.stamp-dev
	$(BIN)/pytest -m timing tests/house/test_gates.py

profile: build $(VENV)/.stamp-dev
	$(call build-aside,profile)
	@if [ -n "$(SCRIPT)" ]; then PYTHONPATH=$(call SITE,profile) $(BIN)/python $(SCRIPT); else \
	  echo 'Built. Run a script on it: make profile SCRIPT=profiling/...'; fi

# --- tidy ---------------------------------------------------------------------------------------

clean:
	rm -rf build dist *.egg-info .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache
	find ml4t -name '*.so' -delete -o -name '*.pyd' -delete -o -name '*.c' -delete
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-lowest .hypothesis .benchmarks demo-output
