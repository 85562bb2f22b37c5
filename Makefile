.PHONY: run test chaos bench

run:
	@./run

test:
	@./test

# Everything breaks, at full size: figures as a Markdown table, in about forty minutes.
chaos:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; timeout 2700 "$$A1_PYTHON" -m tests.chaos

# How many jobs a second one worker delivers.
bench:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m bench.worker
