# make setup   a virtual environment in .venv from the hash-locked file, with .venv/bin/sixth
# make run     the main job: a sample home, both sample months, the paths of the reports
# make portal  the same, and its web portal on http://127.0.0.1:8600, with people of each role to log in as
# make test    types, lint, and all tests that need Python alone: rules, parsers, SQL, the job on the sample, made months
# make test-outside   those with a browser, an office suite and servers, killed runs, Dagster's own commands, a year of nights;
#              make test OUTSIDE=1 runs both at once, as CI does
# make test-quick   lint, rules, parsers of mails and workbooks, and SQL models, for daily work
# make year    a year of nights, and what runs for long: a night killed at every stage, on a full disk, services killed
# make bench   speed of a generated month against the floor and a plain script, of the sample and of light commands
#              (BENCH_UNITS, default 2000; BENCH_TWICE=1, also the memory of twice as many; BENCH_AGAINST, a file of
#              another commit), and of the portal on 10,000 units
# make bench-shards   the same month whole and in shards: what they cost, what of it is the head's, and that all is the same
# make audit   which published advisories apply to the locked versions (pip-audit; needs the network, and says where it had none)
# make lock    the lock file again from pyproject.toml
# make picture the picture of the report in the README

PYTHON ?= python3
HOME_FOLDER ?= home
BENCH_UNITS ?= 2000
PYTEST = .venv/bin/pytest -n auto --dist loadfile --no-loadscope-reorder
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup run portal test test-outside test-quick year bench bench-shards audit lock picture clean

setup: .venv/.ready

# Byte-compiled once: without that every process parses some thousand modules again.
.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sixth needs Python 3.11 or 3.12")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	.venv/bin/python -m compileall -qq -j 0 .venv/lib assets expectations pipelines reports || true
	touch $@

run: setup
	@.venv/bin/sixth init --sample --home $(HOME_FOLDER)
	@.venv/bin/sixth run --home $(HOME_FOLDER) --period 2026-09 --as-of 2026-10-06T00:30:00+08:00
	@.venv/bin/sixth run --home $(HOME_FOLDER) --period 2026-10 --as-of 2026-11-06T00:30:00+08:00

portal: run
	@.venv/bin/sixth init --sample --portal --home $(HOME_FOLDER)
	@.venv/bin/sixth serve --home $(HOME_FOLDER)

test: setup
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	.venv/bin/mypy & types=$$!; $(PYTEST) -m "$(if $(OUTSIDE),,not outside and )not long"; tests=$$?; wait $$types && exit $$tests

test-outside: setup
	$(PYTEST) -m "outside and not long"

test-quick: setup
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	$(PYTEST) -m "not outside and not slow and not long" \
		--ignore tests/jobs --ignore tests/reports --ignore tests/portal --ignore tests/scans

year: setup
	.venv/bin/pytest tests/jobs/test_year.py
	.venv/bin/pytest -m long

bench: setup
	.venv/bin/python -m tests.bench --units $(BENCH_UNITS) $(if $(BENCH_TWICE),--twice) $(if $(BENCH_AGAINST),--against $(BENCH_AGAINST))
	.venv/bin/python -m tests.bench_portal

bench-shards: setup
	.venv/bin/python -m tests.bench_shards

audit: setup
	@PYTHON=$(PYTHON) .ci/audit

lock: setup
	.venv/bin/python -m pip install --quiet uv
	.venv/bin/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--quiet --output-file requirements.lock

clean:
	rm -rf .venv build *.egg-info

picture: setup
	.venv/bin/python -m tests.picture
