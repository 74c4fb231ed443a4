# Tests. Suites: tests/protocol (pure), tests/client (SQLite, no server), tests/e2e (server and
# client), tests/regress (pg_regress and isolation), tests/install (an outside program).
# `make build/test-client && build/test-client -tc='*name*'` runs a single test.
TEST_SUITES := protocol client e2e
suite_sources = $(sort $(shell find tests/$(1) -name '*.cpp' 2>/dev/null))
own_main = $(shell grep -rlE 'define DOCTEST_CONFIG_IMPLEMENT' tests/$(1) 2>/dev/null)
suite_objs = $(patsubst %.cpp,build/%.o,$(call suite_sources,$(1)) \
	$(if $(call own_main,$(1)),,tests/main.cpp))
TEST_CPPFLAGS = -I. -Iclient/include -Iclient/src $(PKG_CFLAGS)

define suite
build/test-$(1): $$(call suite_objs,$(1)) $$(LIB_STATIC)
	@test -n "$$(call suite_sources,$(1))" || { echo "tests/$(1): no tests yet" >&2; exit 1; }
	$$(CXX) -o $$@ $$^ $$(LDFLAGS) $$(PKG_LIBS)
-include $$(patsubst %.o,%.d,$$(call suite_objs,$(1)))
endef
$(foreach s,$(TEST_SUITES),$(eval $(call suite,$(s))))

# The long fault tests are programs of their own, run by the script of their name.
define fault_program
build/check-$(1): $(patsubst %.cpp,build/%.o,$(wildcard tests/faults/$(2)/*.cpp)) $(LIB_STATIC)
	$$(CXX) -o $$@ $$^ $$(LDFLAGS) $$(PKG_LIBS)
-include $(patsubst %.cpp,build/%.d,$(wildcard tests/faults/$(2)/*.cpp))
endef
$(eval $(call fault_program,faults,points))
$(eval $(call fault_program,crash,crash))
$(eval $(call fault_program,traces,traces))

# The fuzz targets over their seeds, without libFuzzer (make fuzz has it).
build/fuzz-replay: $(patsubst %.cpp,build/%.o,$(filter-out %/seeded.cpp,$(wildcard tests/fuzz/*.cpp))) $(LIB_STATIC)
	$(CXX) -o $@ $^ $(LDFLAGS) $(PKG_LIBS)
-include $(patsubst %.cpp,build/%.d,$(wildcard tests/fuzz/*.cpp))

# The C API, used by a program in C.
build/test-c-api: build/tests/c_api/main.o $(LIB_STATIC)
	$(CXX) -o $@ $^ $(LDFLAGS) $(PKG_LIBS)
build/tests/c_api/main.o: tests/c_api/main.c client/include/objectos/objectos.h mk/tests.mk
	@mkdir -p $(@D)
	$(CC) -std=c99 -pedantic -Wall -Wextra -g $(EXTRA_CXXFLAGS) -Iclient/include -c -o $@ $<

# Not optimised: assertions by the hundred compile three times as fast, and what they test is.
TEST_CXXFLAGS = $(CLIENT_CXXFLAGS) -O0
build/tests/%.o: tests/%.cpp mk/tests.mk
	@mkdir -p $(@D)
	$(CXX) $(TEST_CXXFLAGS) $(EXTRA_CXXFLAGS) $(TEST_CPPFLAGS) -MMD -MP -c -o $@ $<

tests: $(foreach s,$(TEST_SUITES),$(if $(call suite_sources,$(s)),build/test-$(s))) build/check-faults build/check-crash build/check-traces build/fuzz-replay build/test-c-api

.PHONY: check check-regress check-isolation check-protocol check-client check-e2e check-c-api check-install check-examples check-tutorial \
	check-upgrade check-operations check-sanitizers check-warnings lint format coverage demo \
	bench bench-gate \
	check-faults check-restore check-crash check-traces fuzz soak

check: all stage tests
	@scripts/check.sh

check-protocol: build/test-protocol
	build/test-protocol $(DOCTEST)
check-client: build/test-client
	build/test-client $(DOCTEST)
check-e2e: build/test-e2e all stage
	scripts/with-cluster.sh -c wal_level=logical -- build/test-e2e -tse=torture $(DOCTEST)
check-regress: stage
	scripts/run-regress.sh regress $(TESTS)
check-isolation: stage
	scripts/run-regress.sh isolation $(TESTS)
check-c-api: build/test-c-api all stage
	scripts/with-cluster.sh --fast -- tests/c_api/run.sh
check-install: all
	tests/install/run.sh

# NAMES="todo resolver" runs these, and shows what they print.
check-examples: all stage
	scripts/with-cluster.sh --fast -- tests/examples/run.sh $(NAMES)
check-tutorial: all stage
	tests/tutorial/run.sh

check-upgrade: stage
	tests/upgrade/run.sh
check-operations: stage
	tests/operations/run.sh
	tests/operations/restore.sh

lint: server
	@scripts/lint.sh
format:
	@scripts/lint.sh --format

# SUITES="protocol client" leaves out the end-to-end tests, which need the cluster.
check-sanitizers: all stage
	@scripts/check-sanitizers.sh $(SUITES)
coverage: all stage
	@scripts/coverage.sh $(SUITES)
# COMPILERS=clang++ takes only that one.
check-warnings:
	@CLIENT_FLAGS='$(CLIENT_CXXFLAGS) $(TEST_CPPFLAGS)' scripts/check-warnings.sh $(COMPILERS)

# Each of these is a script of its own; one that is not there yet is an error, never a pass.
run_script = @test -x $(1) || { echo "make $@: $(1) is not there" >&2; exit 1; }; $(1) $(2)
demo: all stage
	scripts/with-cluster.sh --fast -- scripts/demo.sh
bench: all stage build/bench/objectos-bench
	$(call run_script,scripts/bench.sh,$(NAME))
bench-gate: all stage build/bench/objectos-bench
	$(call run_script,scripts/bench.sh,--gate $(NAME))
check-faults: build/check-faults build/test-e2e
soak: build/test-e2e
check-crash: build/check-crash
check-traces: build/check-traces
check-faults check-restore check-crash check-traces fuzz soak: all stage
	$(call run_script,tests/faults/$@.sh)
