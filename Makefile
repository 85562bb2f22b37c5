.PHONY: run test chaos bench bench-data compat

run:
	@./run

test:
	@./test

# Everything breaks, at full size: figures as a Markdown table. What does not begin within the minutes is named.
# All of it with every seed takes an hour and a half: make chaos SEED="1 2 3" MINUTES=100.
SEED = 1
MINUTES = 40
chaos:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m tests.chaos --seed $(SEED) --minutes $(MINUTES)

# Every measured promise, one table each. Years of data: make bench-data DATA=folder, then make bench DATA=folder.
bench:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m bench $(if $(DATA),--data "$(DATA)")

bench-data:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m bench.generate --into "$(DATA)"

# Every test again where other people's servers differ: through PgBouncer, and on the system's PostgreSQL.
compat:
	@root="$$(pwd -P)"; . ./sandbox/setup.sh; "$$A1_PYTHON" -m sandbox.compat
