# The server half, through PGXS, run inside build/server (`make server` does it). ROOT is the source
# tree. The objects stay here, so the tree remains clean.
EXTENSION = objectos_sync
MODULE_big = objectos_sync
# The present version's script is made from sql/objectos_sync.sql; sql/ keeps those of released
# versions and the updates between them.
DATA = $(sort $(notdir $(wildcard $(ROOT)/objectos_sync--*.sql)) \
	$(patsubst $(ROOT)/%,%,$(wildcard $(ROOT)/sql/objectos_sync--*.sql)))
SOURCES := $(wildcard $(ROOT)/pg_ext/*.cpp) $(wildcard $(ROOT)/protocol/*.cpp)
OBJS := $(patsubst $(ROOT)/%.cpp,%.o,$(SOURCES))

PG_CONFIG ?= pg_config
# -isystem: the server's headers are not ours to warn about. Debian links with gcc, so the C++
# library is named. The version script exports what PostgreSQL calls and nothing else; on 15
# PGDLLEXPORT is empty, so -fvisibility=hidden would hide those too.
PG_CPPFLAGS = -I$(ROOT) -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CXXFLAGS = -std=c++20 -O2 -g -Wall -Wextra -fno-semantic-interposition \
	-fvisibility-inlines-hidden $(EXTRA_CXXFLAGS)
# PGXS passes GCC's own flags to whatever compiles.
ifneq ($(findstring clang,$(CXX)),)
PG_CXXFLAGS += -Wno-unknown-warning-option
endif
SHLIB_LINK = -Wl,--version-script=$(ROOT)/pg_ext/exports.map -lstdc++ -lzstd -lcrypto

USE_VPATH = $(ROOT)
VPATH = $(ROOT)

REGRESS = --schedule=$(ROOT)/tests/regress/schedule
REGRESS_OPTS = --inputdir=$(ROOT)/tests/regress --outputdir=$(CURDIR)/regress \
	--load-extension=objectos_sync

# No LLVM bitcode: the JIT inlines what expressions call, and ours are triggers and set-returning
# functions; it would compile every file twice, with clang, and PostgreSQL 15's headers say
# `register`, which C++17 forbids.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Debian's PGXS tracks no headers, so its rule for .cpp is replaced.
$(OBJS): %.o: $(ROOT)/%.cpp $(ROOT)/mk/server.mk
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -fPIC -MMD -MP -c -o $@ $<
-include $(OBJS:.o=.d)

$(shlib): $(ROOT)/pg_ext/exports.map

installcheck: regress-dir
.PHONY: regress-dir
regress-dir:
	@mkdir -p $(CURDIR)/regress
