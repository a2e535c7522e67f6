# The two commands of the README are `make run` and `make test`; both prepare .venv on first use.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin

.PHONY: run test check setup lint types imports drift bench bench-growth screenshots lock clean
.DEFAULT_GOAL := run

run: setup  ## start Parvis with demo data and say where to click
	$(BIN)/parvis up --demo --port $(PORT)

test: setup  ## every test, on real servers
	$(BIN)/pytest

check: setup lint types imports drift  ## what CI checks beside the tests

setup: .venv/ready  ## .venv with every dependency (hashes verified) and the parvis command

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	@echo "Installing what Parvis needs into .venv: less than a minute, once."
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

drift: setup  ## do the migrations make exactly the tables that the code describes?
	$(BIN)/python -m tests.drift

bench: setup  ## some six minutes on a quiet machine; rewrites the figures of docs/performance.md (OPTIONS="--seconds 2")
	$(BIN)/python -m bench run --json docs/performance/bench.json --plots docs/performance --page docs/performance.md $(OPTIONS)

bench-growth: setup  ## some twenty minutes and 20 GB; rewrites the figures of growth (OPTIONS="--sizes 1:10000,50:100000")
	$(BIN)/python -m bench.growth --json docs/performance/growth.json --page docs/performance.md $(OPTIONS)

screenshots: setup  ## every page of the shop, phone and desktop, by Debian's chromium; takes a minute
	$(BIN)/python -m tests.browser.screenshots docs/screenshots

lock:  ## resolve the dependencies again; needs uv
	uv lock --upgrade
	uv export --frozen --no-header --no-emit-project --format requirements-txt --output-file requirements.lock > /dev/null

clean:
	rm -rf .venv .parvis uv.lock
