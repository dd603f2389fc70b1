# Each target is one line into scripts/ or swift. On a fresh machine a Swift toolchain is all that must be there.
.PHONY: run test test-faults fuzz bench format lint tsan

# A node with a private Redis and PostgreSQL. A debug build, since the first release build takes several times as long and nobody
# tries things out at full load; RELEASE=1 for the fast one. ARGS="--port 5000" reaches the program.
run:
	@scripts/bootstrap run
	swift run $(if $(RELEASE),-c release) rollcall dev $(ARGS)

# All tests. ARGS="--filter PresenceTests" runs some.
test:
	@scripts/bootstrap test
	scripts/test $(ARGS)

# The fault matrix (docs/faults.md), which takes minutes. ARGS="--filter FLUSHALL" runs some.
test-faults:
	@scripts/bootstrap test
	scripts/test-faults $(ARGS)

# Random input and random faults at length, which takes hours. ARGS="faults 10" does some (scripts/fuzz).
fuzz:
	@scripts/bootstrap test
	scripts/fuzz $(ARGS)

# Rollcall beside its peers (docs/performance.md); all of it takes half an hour. ARGS="--suite fanout --quick" does some.
bench:
	@scripts/bootstrap bench
	swift build -c release --product rollcall
	scripts/bench $(ARGS)

format:
	swift format --in-place --recursive Sources Tests Package.swift Benchmarks/Sources Benchmarks/Tests \
		Benchmarks/Package.swift

lint:
	scripts/lint

# The thread sanitizer over what runs without the HTTP server.
tsan:
	@scripts/bootstrap run
	scripts/tsan $(ARGS)
