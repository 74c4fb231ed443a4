# The door of the house. Every target first makes sure the packages it needs are there
# (scripts/install-packages.sh says what it does), then hands over to mk/house.mk, which may then
# look up pg_config and pkg-config. OBJECTOS_PACKAGES=skip leaves the system's packages alone.
.DEFAULT_GOAL := all

BUILD_TARGETS := all server client stage install uninstall installcheck
TEST_TARGETS := check check-regress check-isolation check-protocol check-client check-e2e \
	check-c-api check-install check-examples check-tutorial check-upgrade check-operations check-sanitizers check-warnings check-faults check-restore \
	check-crash check-traces fuzz soak \
	lint format demo bench bench-gate coverage tests

# Two goals would be two makes over the same files; each is parallel within.
.NOTPARALLEL:

.PHONY: $(BUILD_TARGETS) $(TEST_TARGETS) clean packages test-packages

$(BUILD_TARGETS): packages
	@+$(MAKE) --no-print-directory -f mk/house.mk $@

$(TEST_TARGETS): test-packages
	@+$(MAKE) --no-print-directory -f mk/house.mk $@

build/%: test-packages FORCE
	@+$(MAKE) --no-print-directory -f mk/house.mk $@

FORCE:

packages:
	@PG_CONFIG='$(PG_CONFIG)' scripts/install-packages.sh build

test-packages:
	@PG_CONFIG='$(PG_CONFIG)' scripts/install-packages.sh all

clean:
	rm -rf build objectos_sync--*.sql
