# The two commands: `make demo` and `make test`. Both set up what they need first.
.PHONY: demo test setup clean help

help:
	@echo "make demo   two containers cross a simulated gate on real wires (about 6 minutes)"
	@echo "make test   every check: lint, types, layers, unit tests, whole-gate runs (under 15 minutes)"
	@echo "make clean  remove the virtual environment, caches and run folders"

demo:
	@scripts/setup demo
	@.venv/bin/gatectl-hil demo

test:
	@scripts/setup test
	@scripts/check

clean:
	rm -rf .venv build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
