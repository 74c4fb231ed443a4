# The client half: libobjectos (static and shared) and the objectos-sync command, in build/client.
SOVERSION := 0
PKGS := libpq sqlite3 libcrypto libzstd
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS)) -pthread

CLIENT_CXXFLAGS := -std=c++20 -O2 -g -Wall -Wextra -fPIC -pthread
CLIENT_CPPFLAGS = -I. -Iclient/include -Iclient/src $(PKG_CFLAGS)
EXTRA_CXXFLAGS ?=

CLIENT_SOURCES := $(shell find -H client/src protocol -name '*.cpp' 2>/dev/null | sort)
CLI_SOURCES := $(wildcard client/cli/*.cpp)
CLIENT_OBJS := $(CLIENT_SOURCES:%.cpp=build/client/%.o)
CLI_OBJS := $(CLI_SOURCES:%.cpp=build/client/%.o)
PUBLIC_HEADERS := $(wildcard client/include/objectos/*.h)

LIB_STATIC := build/libobjectos.a
LIB_SHARED := build/libobjectos.so
CLI := $(if $(CLI_SOURCES),build/objectos-sync)

client: $(LIB_STATIC) $(LIB_SHARED) $(CLI)

build/client/%.o: %.cpp mk/client.mk
	@mkdir -p $(@D)
	$(CXX) $(CLIENT_CXXFLAGS) $(EXTRA_CXXFLAGS) $(CLIENT_CPPFLAGS) -MMD -MP -c -o $@ $<

-include $(CLIENT_OBJS:.o=.d) $(CLI_OBJS:.o=.d)

# A source that was deleted must leave the archive too, so it is made anew.
$(LIB_STATIC): $(CLIENT_OBJS)
	@mkdir -p build
	@rm -f $@
	ar rcs $@ $^

$(LIB_SHARED): $(CLIENT_OBJS)
	@mkdir -p build
	$(CXX) -shared -Wl,-soname,libobjectos.so.$(SOVERSION) -o $@ $^ $(LDFLAGS) $(PKG_LIBS)

build/objectos-sync: $(CLI_OBJS) $(LIB_STATIC)
	$(CXX) -o $@ $^ $(LDFLAGS) $(PKG_LIBS)

.PHONY: install-client uninstall-client
DEST := $(DESTDIR)$(PREFIX)
install-client: client
	install -d '$(DEST)/lib/pkgconfig' '$(DEST)/include/objectos' '$(DEST)/bin'
	install -m 644 $(LIB_STATIC) '$(DEST)/lib/'
	install -m 755 $(LIB_SHARED) '$(DEST)/lib/libobjectos.so.$(VERSION)'
	ln -sf libobjectos.so.$(VERSION) '$(DEST)/lib/libobjectos.so.$(SOVERSION)'
	ln -sf libobjectos.so.$(SOVERSION) '$(DEST)/lib/libobjectos.so'
	$(if $(PUBLIC_HEADERS),install -m 644 $(PUBLIC_HEADERS) '$(DEST)/include/objectos/')
	$(if $(CLI),install -m 755 $(CLI) '$(DEST)/bin/')
	$(if $(CLI),install -d '$(DEST)/share/man/man1' '$(DEST)/share/bash-completion/completions')
	$(if $(CLI),$(CLI) --man > '$(DEST)/share/man/man1/objectos-sync.1')
	$(if $(CLI),$(CLI) --completion > '$(DEST)/share/bash-completion/completions/objectos-sync')
	$(if $(CLI),chmod 644 '$(DEST)/share/man/man1/objectos-sync.1' '$(DEST)/share/bash-completion/completions/objectos-sync')
	sed -e 's|@PREFIX@|$(PREFIX)|g; s|@VERSION@|$(VERSION)|g; s|@PKGS@|$(PKGS)|g' \
	    client/objectos.pc.in > '$(DEST)/lib/pkgconfig/objectos.pc'
	chmod 644 '$(DEST)/lib/pkgconfig/objectos.pc'

uninstall-client:
	rm -f '$(DEST)/lib/libobjectos.a' '$(DEST)'/lib/libobjectos.so*
	rm -f '$(DEST)/lib/pkgconfig/objectos.pc' '$(DEST)/bin/objectos-sync'
	rm -f '$(DEST)/share/man/man1/objectos-sync.1'
	rm -f '$(DEST)/share/bash-completion/completions/objectos-sync'
	rm -rf '$(DEST)/include/objectos'
