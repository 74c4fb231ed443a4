# bench/: one program that measures; scripts/bench.sh runs it beside a throwaway cluster.
BENCH := build/bench/objectos-bench
BENCH_OBJS := $(patsubst %.cpp,build/%.o,$(wildcard bench/*.cpp))

build/bench/%.o: bench/%.cpp mk/bench.mk
	@mkdir -p $(@D)
	$(CXX) $(CLIENT_CXXFLAGS) $(EXTRA_CXXFLAGS) -I. -Iclient/include $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

-include $(BENCH_OBJS:.o=.d)

$(BENCH): $(BENCH_OBJS) $(LIB_STATIC)
	$(CXX) -o $@ $^ $(LDFLAGS) $(PKG_LIBS)
