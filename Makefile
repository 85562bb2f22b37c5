.PHONY: run test chaos bench bench-data compat

run:
	@./run

test:
	@./test

# Everything breaks, at full size: figures as a Markdown table, in about forty minutes.
chaos:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; timeout 2700 "$$A1_PYTHON" -m tests.chaos

# Every measured promise, one table each. Years of data: make bench-data DATA=folder, then make bench DATA=folder.
bench:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m bench $(if $(DATA),--data "$(DATA)")

bench-data:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m bench.generate --into "$(DATA)"

# Every test again where other people's servers differ: through PgBouncer, and on the system's PostgreSQL.
compat:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m sandbox.compat
