# Every target installs what it needs first. Needs Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
export SETTLEMENT_HOME ?= $(CURDIR)/.local

.PHONY: help install demo test check compose-check up bench simulate clear-fuzz crash-matrix killed-workers up-twice mutation-check walks lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(INSTALLED) ## Set up everything in .venv, from the lock file

$(INSTALLED): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@

demo: install ## Settle several days against the sandbox, with lost answers, late trades and a 409
	@$(BIN)/python -m settlement_airflow.demo

test: install ## Run all tests
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

check: install ## Lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy include plugins dags
	$(BIN)/lint-imports

compose-check: ## Let a real Compose check docker-compose.yaml (installs Debian's if none is there)
	@tests/compose/check.sh

up: install ## Airflow with its UI, the sandbox and a seeded warehouse, until Ctrl-C: make up UI_PORT=8081
	@$(BIN)/python -m settlement_airflow.up $(addprefix --ui-port ,$(UI_PORT)) $(addprefix --sandbox-port ,$(SANDBOX_PORT))

simulate: install ## Simulate business days with crashes and faults, on all cores: make simulate DAYS=2000 SEED=1 KIND=disputes
	@PYTHONPATH=tests $(BIN)/python -m simulation.search --days $(or $(DAYS),100) --seed $(or $(SEED),1) --kind $(or $(KIND),direct)

clear-fuzz: install ## Clears, marks and kills in a real Airflow, by chance: make clear-fuzz MINUTES=30 SEED=1
	@PYTHONPATH=tests $(BIN)/python -m clear_fuzz --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

crash-matrix: install ## Kill a run at every step, for every answer; writes docs/crash-matrix.md
	@PYTHONPATH=tests $(BIN)/python -m crash

killed-workers: install ## Kill a dozen tasks in a real Airflow, clear each over its REST API
	$(BIN)/pytest tests/scheduler/killed_workers.py

up-twice: install ## Start `make up`, look at it in a browser, stop it, start it again
	$(BIN)/pytest tests/scheduler/up_twice.py

mutation-check: install ## Break the code on purpose, one break at a time: something must notice
	@PYTHONPATH=tests $(BIN)/python -m mutation $(addprefix --only ,$(ONLY))

walks: install ## Play what on-call meets, in a real Airflow and browser; WRITE=1 writes docs/on-call.md
	@PYTHONPATH=tests $(BIN)/python -m walks $(addprefix --only ,$(ONLY)) $(if $(WRITE),--write)

bench: install ## Measure against what one would use instead: make bench ONLY=signing; WRITE=1 keeps it in docs/
	@PYTHONPATH=tests $(BIN)/python tests/benchmarks $(addprefix --only ,$(ONLY)) $(if $(WRITE),--write)

lock: install ## Resolve requirements.lock anew
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip compile pyproject.toml --group dev --extra embedded --extra celery \
		--universal --generate-hashes --no-header --quiet --output-file requirements.lock

clean: ## Remove the virtual environment and all local state
	rm -rf $(VENV) .local
