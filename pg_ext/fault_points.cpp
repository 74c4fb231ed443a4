#include "pg_ext/fault_points.h"

#ifdef OBJECTOS_FAULTS

#include <cstdio>
#include <cstdlib>
#include <new>

#include "pg_ext/pg.h"

namespace {

struct Countdown {
  int setting = 0;
  int left = 0;  // until the next failure; 0: none to come, or failing on and on
  bool failing = false;
  char text[16] = "";

  void set(int value) {
    setting = value;
    left = value < 0 ? -value : value;
    failing = false;
  }
  bool fails() noexcept {
    if (left > 0 && --left == 0) {
      failing = setting < 0;
      return true;
    }
    return failing;
  }
  const char* show() {
    std::snprintf(text, sizeof text, "%d", left);
    return text;
  }
};

Countdown guarded_calls, allocations;
int guarded_calls_setting = 0, allocations_setting = 0;

}  // namespace

namespace objectos::server {

bool guarded_call_fails() noexcept {
  return guarded_calls.fails();
}

// For everybody: whoever has this build tests with it.
void define_fault_settings() {
  DefineCustomIntVariable(
      "objectos_sync.fail_guarded_call", "Test build: which guarded call of the backend fails.",
      nullptr, &guarded_calls_setting, 0, -INT_MAX, INT_MAX, PGC_USERSET, 0, nullptr,
      [](int value, void*) { guarded_calls.set(value); },
      []() -> const char* { return guarded_calls.show(); });
  DefineCustomIntVariable(
      "objectos_sync.fail_allocation", "Test build: which C++ allocation fails.", nullptr,
      &allocations_setting, 0, -INT_MAX, INT_MAX, PGC_USERSET, 0, nullptr,
      [](int value, void*) { allocations.set(value); },
      []() -> const char* { return allocations.show(); });
}

}  // namespace objectos::server

// The C++ library frees by free(), so blocks may cross between its operators and these.
void* operator new(std::size_t bytes) {
  if (allocations.fails()) throw std::bad_alloc();
  if (void* block = std::malloc(bytes == 0 ? 1 : bytes)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocations.fails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}
void* operator new[](std::size_t bytes) {
  return operator new(bytes);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

#endif
