# Everything that people do with Trivet. `make help` lists the targets.

ENGINE ?= fastapi
PORT   ?= 8000
MODEL  ?= models:/iris-classifier@production

# uv comes into a folder of its own, so that a machine with Python and make needs nothing else.
PYTHON ?= python3
UV     := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN    := $(UV) run --frozen --no-sync
SYNCED := .venv/.synced
MODEL_PUBLISHED := .trivet/published

export UV_PYTHON_DOWNLOADS ?= never

.DEFAULT_GOAL := help
.PHONY: help setup serve test test-unit test-service test-repo lint check render bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SYNCED) ## Install uv and the locked environment into this folder

serve: $(MODEL_PUBLISHED) ## Train and publish the example once, then serve it: PORT=8000 ENGINE=fastapi MODEL=…
	exec .venv/bin/trivet serve --engine $(ENGINE) --model $(MODEL) --port $(PORT)

test: test-unit test-service test-repo ## Run every tier that this machine can run

test-unit: setup ## core, runtimes, registry, prediction log: under 20 s
	$(RUN) pytest tests/unit

test-service: setup ## the engines started for real, and clients that others wrote
	$(RUN) pytest tests/service

test-repo: setup ## README, docs, settings and metrics agree with the code
	$(RUN) pytest tests/repo

lint: setup ## Format, lint, types and who imports what
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

check: lint test ## All that must hold before a commit

render: setup ## Write the pages of docs/ that are made from code
	$(RUN) python -m docs.render

bench: setup ## Compare with other servers, side by side on this machine
	$(RUN) python -m bench

clean: ## Remove the environment, the embedded registry, logs and caches
	rm -rf .venv .uv .trivet dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

$(SYNCED): pyproject.toml uv.lock $(if $(findstring .uv/bin/uv,$(UV)),.uv/bin/uv)
	$(UV) sync --frozen --quiet --extra fastapi --extra registry --extra sklearn --extra postgres
	@touch $@

$(MODEL_PUBLISHED): | $(SYNCED)
	@mkdir -p .trivet
	.venv/bin/trivet train --json > .trivet/train.json
	.venv/bin/trivet publish $$(sed 's/.*"uri":"\([^"]*\)".*/\1/' .trivet/train.json) --name iris-classifier
	@touch $@
