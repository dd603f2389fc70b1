# Each target calls scripts/ or swift. A fresh machine needs only a Swift toolchain and make.
.PHONY: run test test-faults fuzz bench docs format lint tsan

# Runs a node with a private Redis and PostgreSQL. It is a debug build, because the first release build takes several
# times as long. RELEASE=1 selects the release build. ARGS="--port 5000" goes to the program.
run:
	@scripts/bootstrap run
	swift run $(if $(RELEASE),-c release) rollcall dev $(ARGS)

# Runs all tests but the fault tests. ARGS="--filter PresenceModelTests" runs some.
test:
	@scripts/bootstrap test
	scripts/test $(ARGS)

# The fault matrix (docs/faults.md), which takes minutes. ARGS="--filter FLUSHALL" runs some.
test-faults:
	@scripts/bootstrap test
	scripts/test-faults $(ARGS)

# Runs random input and random faults, which takes hours. ARGS="faults 10" runs some (scripts/fuzz).
fuzz:
	@scripts/bootstrap test
	scripts/fuzz $(ARGS)

# Measures Rollcall and its peers (docs/performance.md) in half an hour. ARGS="--suite fanout --quick" runs some.
bench:
	@scripts/bootstrap bench
	swift build -c release --product rollcall
	scripts/bench $(ARGS)

# Writes the tables of settings and metrics in docs/operations.md from the declarations.
docs:
	@scripts/bootstrap run
	ROLLCALL_WRITE_DOCS=1 scripts/test --filter 'SettingsTests.*operations'

format:
	swift format --in-place --recursive Sources Tests Package.swift Benchmarks/Sources Benchmarks/Tests \
		Benchmarks/Package.swift

lint:
	scripts/lint

# Runs the tests of the modules with threads under the thread sanitizer.
tsan:
	@scripts/bootstrap run
	scripts/tsan $(ARGS)
