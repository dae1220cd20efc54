# Everything that people do with Trivet. `make help` lists the targets.

ENGINE ?= fastapi
PORT   ?= 8000
MODEL  ?= models:/iris-classifier@production

# Images: of whom, under which tag, with which more arguments of `docker build`, and what copies them to the cluster.
IMAGES             := fastapi bentoml ray mlflow
TAG                ?= dev
DOCKER_BUILD_FLAGS ?=
KIND_LOAD          ?= kind load docker-image --name trivet --nodes trivet-worker,trivet-worker2,trivet-worker3
VERSION             = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION            = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)

# The cluster: another image of its nodes than that of kind-config.yaml, and how many GPUs a node of the pool pretends.
KIND_NODE_IMAGE    ?=
GPUS               ?= 1
# Where no registry can be reached, this makes the cluster; kind, kubectl and helm are then where the file beside it says.
TRIVET_CLUSTER_UP  ?= ../shared/cluster/up
CLUSTER_SETTINGS   := $(wildcard $(dir $(TRIVET_CLUSTER_UP))settings.sh)
ifneq ($(CLUSTER_SETTINGS),)
export PATH := $(or $(shell bash -c '. $(CLUSTER_SETTINGS) && echo "$$PATH"'),$(PATH))
endif

# uv comes into a folder of its own, so that a machine with Python and make needs nothing else.
PYTHON ?= python3
UV     := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN    := $(UV) run --frozen --no-sync
SYNCED := .venv/.synced
MODEL_PUBLISHED := .trivet/published

# So many processes run the tests.
TEST_PROCESSES ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))

export UV_PYTHON_DOWNLOADS ?= never
# Where nothing compiled is kept, each start compiles all that it imports: seconds, hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup serve test test-unit test-chart test-service test-repo lint check render bench clean
.PHONY: up images kind-load deploy gpu-capacity e2e e2e-long down

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SYNCED) ## Install uv and the locked environment into this folder

serve: $(MODEL_PUBLISHED) ## Train and publish the example once, then serve it: PORT=8000 ENGINE=fastapi MODEL=…
	exec .venv/bin/trivet serve --engine $(ENGINE) --model $(MODEL) --port $(PORT)

test: test-unit test-chart test-service test-repo ## Run every tier that this machine can run

test-unit: setup ## core, runtimes, registry, prediction log: about a minute
	$(RUN) pytest tests/unit --numprocesses $(TEST_PROCESSES)

test-service: setup ## the engines started for real, and clients that others wrote
	$(RUN) pytest tests/service --numprocesses $(TEST_PROCESSES)

test-chart: setup ## the charts through the real Helm engine: about half a minute
	$(RUN) pytest tests/chart

test-repo: setup ## README, docs, settings and metrics agree with the code
	$(RUN) pytest tests/repo

lint: setup ## Format, lint, types and who imports what
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports

check: lint test ## All that must hold before a commit

render: setup ## Write what is made from code and charts: pages, schemas, k8s/rendered
	$(RUN) python -m docs.render
	$(RUN) python -m k8s.render

bench: setup ## Compare with other servers, side by side on this machine
	$(RUN) python -m bench

up: ## A kind cluster with everything on it and a URL that answers, or what is missing of it
	k8s/cluster.sh "$(TRIVET_CLUSTER_UP)" $(KIND_NODE_IMAGE)
	$(MAKE) --no-print-directory images kind-load gpu-capacity deploy
	@k8s/answer.sh

images: ## Build the four images and print their sizes: TAG=dev DOCKER_BUILD_FLAGS='--build-arg ACCELERATOR=cuda'
	@for image in $(IMAGES); do docker build --file docker/Dockerfile --target $$image \
	  --tag trivet-$$image:$(TAG) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  $(DOCKER_BUILD_FLAGS) . || exit 1; done
	@docker image ls --filter 'reference=trivet-*:$(TAG)' --format '{{.Repository}}:{{.Tag}}  {{.Size}}'

kind-load: ## Copy the four images to the nodes of the kind cluster: TAG=dev
	$(KIND_LOAD) $(IMAGES:%=trivet-%:$(TAG))

deploy: ## MLflow, the example and every chart onto the cluster, from images that its nodes have: TAG=dev
	k8s/deploy.sh $(TAG)

gpu-capacity: ## Let the GPU pool offer GPUs that are not there, to try scheduling: GPUS=1
	kubectl get nodes --selector nvidia.com/gpu.present=true --output name | xargs -I{} kubectl patch {} --subresource=status \
	  --type=merge --patch '{"status": {"capacity": {"nvidia.com/gpu": "$(GPUS)"}, "allocatable": {"nvidia.com/gpu": "$(GPUS)"}}}'

e2e: setup ## What `make up` brought, tried from outside: engines, upgrades, GPUs, security; under 15 minutes
	$(RUN) pytest tests/e2e

e2e-long: setup ## The same with the versions that take long, and two hundred moves of an alias on each engine
	$(RUN) pytest tests/e2e --long
	$(RUN) pytest tests/service/swap --long -m long

down: ## Delete the kind cluster
	kind delete cluster --name trivet

clean: ## Remove the environment, the embedded registry, logs and caches
	rm -rf .venv .uv .trivet dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/results

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv

$(SYNCED): pyproject.toml uv.lock $(if $(findstring .uv/bin/uv,$(UV)),.uv/bin/uv)
	$(UV) sync --frozen --quiet --all-extras
	@touch $@

$(MODEL_PUBLISHED): | $(SYNCED)
	@mkdir -p .trivet
	.venv/bin/trivet train --json > .trivet/train.json
	.venv/bin/trivet publish $$(sed 's/.*"uri":"\([^"]*\)".*/\1/' .trivet/train.json) --name iris-classifier
	@touch $@
