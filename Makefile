# `make run` shows the page, `make test` runs the tests; both set up what they need, in .venv.
# Extra flags go through ARGS: make run ARGS="--port 7861 --no-browser", make test ARGS="-k grad_cam".

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
ARGS ?=
MINUTES ?= 5
VENV := .venv
BIN := $(VENV)/bin
DATASET := /usr/share/datasets/fashion-mnist
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call system,PACKAGES…): install the Debian packages that are missing, where root runs this;
# elsewhere say in a line what would help, and go on: the data has other sources, browser tests are skipped,
# class names in Chinese, Japanese and Korean are drawn as boxes in figures, which say so.
define system
	(
	missing=""
	for package in $(1); do
	  case $$package in
	    dataset-fashion-mnist) [ -d $(DATASET) ] || [ -n "$${WORKBENCH_DATA:-}" ] || missing="$$missing $$package" ;;
	    fonts-noto-cjk) ls /usr/share/fonts/*/noto/*CJK* >/dev/null 2>&1 || missing="$$missing $$package" ;;
	    *) command -v $$package >/dev/null || missing="$$missing $$package" ;;
	  esac
	done
	if [ -z "$$missing" ]; then exit 0; fi
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	  echo "Not installed:$$missing. If you can: sudo apt-get install$$missing. Going on without."; exit 0
	fi
	echo "Installing system packages:$$missing"
	export DEBIAN_FRONTEND=noninteractive
	install="apt-get install -y -qq --no-install-recommends -o=Dpkg::Use-Pty=0$$missing"
	if ! $$install >/dev/null 2>&1 </dev/null; then
	  if ! { apt-get update -qq && $$install; } >/dev/null </dev/null; then
	    echo "apt-get could not install$$missing; the lines above say why. Going on without."
	  fi
	fi
	)
endef

# $(call install,[EXTRAS]): install the workbench with its extras, counting the packages as they come.
define install
	if ls $(VENV)/.installed* >/dev/null 2>&1; then echo "Bringing $(VENV) up to date"
	else echo "Setting up $(VENV); this takes some minutes, since TensorFlow is large"; fi
	log=$(VENV)/install.log; if [ -t 1 ]; then terminal=1; else terminal=0; fi
	if ! $(BIN)/python -m pip install --no-input -c constraints.txt -e '.$(1)' 2>&1 | tee $$log | awk -v terminal=$$terminal '\
	    /^ *Collecting/ && terminal { printf "\r\033[K  %d  %s", ++count, $$2; fflush() } \
	    /^Installing collected/ && terminal && count { printf "\r\033[K  unpacking %d packages", count; fflush() } \
	    END { if (terminal) printf "\r\033[K" }'; then
	  grep -v '^WARNING' $$log | tail -n 15
	  echo "The set-up failed; all of it is in $$log. Mend what it says and run make again."; exit 1
	fi
endef

.ONESHELL:
.PHONY: help run test train figures check fix bench bench-gpu bench-large bench-peers truth truth-peers data system clean \
  fuzz example-flask example-streamlit

help: ## this list
	@echo 'The workbench: where is my image classifier wrong, why, and may I believe the picture?'
	echo
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo
	echo 'Flags go through ARGS: make run ARGS="--port 7861 --no-browser". Another Python: make run PYTHON=python3.12'

run: $(VENV)/.installed-run ## set up, find the data, open or train the baseline, show the page
	@$(call system,dataset-fashion-mnist fonts-noto-cjk)
	exec $(BIN)/workbench start $(ARGS)

test: $(VENV)/.installed-test system ## set up, run all tests
	@exec $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

train: $(VENV)/.installed-run ## train a network: make train ARGS="mine --seed 1"
	@exec $(BIN)/workbench train $(ARGS)

figures: $(VENV)/.installed-run ## every analysis as a figure under figures/
	@exec $(BIN)/workbench figures $(ARGS)

check: $(VENV)/.installed-dev ## lint, format and types
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(VENV)/.installed-dev ## mend what the linter and the formatter can mend
	@$(BIN)/ruff check --fix . || true
	$(BIN)/ruff format .

bench: $(VENV)/.installed-test ## measure speed, as ratios within one run
	@exec $(BIN)/python tests/benchmarks $(ARGS)

fuzz: $(VENV)/.installed-test ## attack every parser with nearly right inputs: make fuzz MINUTES=5
	@if ! $(BIN)/python -c 'import atheris' 2>/dev/null; then
	  $(BIN)/python -m pip install -q --no-input --only-binary=:all: -c constraints.txt atheris 2>/dev/null \
	    || echo "atheris does not install here: hypothesis alone draws the inputs."
	fi
	exec $(BIN)/python tests/fuzz --minutes $(MINUTES) $(ARGS)

bench-gpu: $(VENV)/.installed-test ## what a GPU brings: training in two precisions, maps of 10,000 images
	@exec $(BIN)/python tests/benchmarks/gpu.py $(ARGS)

bench-large: $(VENV)/.installed-test ## seconds and memory of a made set: make bench-large ARGS="10000 100000 1000000"
	@exec $(BIN)/python tests/benchmarks/large.py $(or $(ARGS),10000 100000)

bench-peers: $(VENV)/.installed-test ## the same beside other libraries, in .venv-peers (some gigabytes)
	@exec $(BIN)/python tests/benchmarks/peers $(ARGS)

truth: $(VENV)/.installed-run ## hold what is said against a known truth; takes long: make truth ARGS=--quick
	@$(call system,dataset-fashion-mnist)
	exec $(BIN)/workbench truth --out figures/truth $(ARGS)

truth-peers: $(VENV)/.installed-test ## maps of Captum and Xplique where the truth is known, in .venv-peers (some gigabytes)
	@exec $(BIN)/python tests/benchmarks/peers/parts_world.py --out figures/truth $(ARGS)

data: $(VENV)/.installed-run ## find, verify or fetch Fashion-MNIST
	@exec $(BIN)/workbench data $(ARGS)

example-flask: $(VENV)/.installed-examples ## a Flask app around the exported baseline, on port 8000
	@[ -n "$${WORKBENCH_EXPORT:-}" ] || [ -e exports/baseline/model.tflite.json ] || \
	  $(BIN)/workbench export --format litert --with-explanation --out exports/baseline
	exec $(BIN)/flask --app examples/flask_app/app.py run --port 8000 $(ARGS)

example-streamlit: $(VENV)/.installed-examples ## a Streamlit app around the Python API, on port 8501
	@exec $(BIN)/streamlit run examples/streamlit_app/app.py --server.address 127.0.0.1 --server.maxUploadSize 16 \
	  --browser.gatherUsageStats false --client.toolbarMode viewer --theme.primaryColor '#2563eb' $(ARGS)

system: ## Chromium and the data set, from apt, where root runs it
	@$(call system,chromium dataset-fashion-mnist)

clean: ## remove .venv, .venv-peers and caches; runs and figures stay
	@rm -rf $(VENV) .venv-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || {
	  echo "The workbench needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1 || true)."
	  echo "Name one: make $(or $(firstword $(MAKECMDGOALS)),run) PYTHON=python3.12"; exit 1
	}
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || {
	  package="$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	    echo "Installing system package: $$package"
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$$package"; } >/dev/null </dev/null
	  else
	    echo "$(PYTHON) cannot make virtual environments. Install its part for that: sudo apt-get install $$package"; exit 1
	  fi
	}
	$(PYTHON) -m venv --clear $(VENV)

# What was set up, a stamp for each: the page needs nothing of the extras. Whatever is set up brings what `run` needs.
SET_UP := pyproject.toml constraints.txt | $(BIN)/python

$(VENV)/.installed-run: $(SET_UP)
	@$(call install)
	touch $@

$(VENV)/.installed-examples: $(SET_UP)
	@$(call install,[examples])
	touch $@ $(VENV)/.installed-run

$(VENV)/.installed-test: $(SET_UP)
	@$(call install,[test])
	touch $@ $(VENV)/.installed-run $(VENV)/.installed-examples

$(VENV)/.installed-dev: $(SET_UP)
	@$(call install,[test$(comma)dev])
	touch $@ $(VENV)/.installed-run $(VENV)/.installed-examples $(VENV)/.installed-test

comma := ,
