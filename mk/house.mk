# What the house is made of: the server half (mk/server.mk, through PGXS, in build/server), the
# client half (mk/client.mk, in build/client), the tests (mk/tests.mk). Nothing is written outside
# build/ but the generated objectos_sync--<version>.sql, which git ignores.
SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

ROOT := $(CURDIR)
VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" objectos_sync.control)
PG_CONFIG ?= pg_config
PREFIX ?= /usr/local
export PG_CONFIG

PG_CONFIG_PATH := $(shell command -v $(PG_CONFIG))
ifeq ($(PG_CONFIG_PATH),)
$(error $(PG_CONFIG) is not there: install postgresql-server-dev, or say PG_CONFIG=/path/to/pg_config)
endif

.PHONY: all server client tests stage install uninstall installcheck
all: server client

include mk/client.mk
include mk/tests.mk
include mk/bench.mk

SQL_COPY := objectos_sync--$(VERSION).sql
$(SQL_COPY): sql/objectos_sync.sql
	cp $< $@

# PGXS names the compiler that PostgreSQL was built with; one from the environment is passed on.
SERVER_MAKE = $(MAKE) --no-print-directory -C build/server -f $(ROOT)/mk/server.mk \
	NAME=objectos_sync ROOT=$(ROOT) PG_CONFIG=$(PG_CONFIG) \
	$(if $(filter environment,$(origin CXX)),CXX='$(CXX)')

# PGXS knows best what is out of date; this asks it every time.
server: $(if $(wildcard sql/objectos_sync.sql),$(SQL_COPY))
	@mkdir -p build/server/pg_ext build/server/protocol
	@+$(SERVER_MAKE) all

# The private installation for tests: PostgreSQL finds its files relative to its own binary, so real
# copies of the binaries in the same layout, beside links to the system's libraries and share files,
# load our extension from build/stage and leave the system's directories untouched.
stage: server
	@scripts/stage.sh build/stage
	@+umask 022 && $(SERVER_MAKE) install DESTDIR=$(ROOT)/build/stage >/dev/null

install: all
	+umask 022 && $(SERVER_MAKE) install
	+$(MAKE) --no-print-directory -f mk/house.mk install-client

uninstall: $(if $(wildcard sql/objectos_sync.sql),$(SQL_COPY)) uninstall-client
	@mkdir -p build/server
	+$(SERVER_MAKE) uninstall

installcheck:
	@mkdir -p build/server
	+$(SERVER_MAKE) installcheck
