// Fault points of the test build (-DOBJECTOS_FAULTS, made by tests/faults/build.sh): the Nth
// guarded call of the backend fails with an ERROR, or the Nth C++ allocation with std::bad_alloc.
// Both are SQLSTATE 53200. Released modules have none of this, nor its settings:
//
//   objectos_sync.fail_guarded_call, objectos_sync.fail_allocation
//     N: the Nth from now on fails, once; -N: the Nth and all after it; 0: none.
//     SHOW tells how many are left until then: 0 once it failed.
//
// Only allocations of this module's code count: its operator new is hidden from everybody else.
#pragma once

namespace objectos::server {

#ifdef OBJECTOS_FAULTS
void define_fault_settings();
// Whether the guarded call that is about to be made shall fail.
bool guarded_call_fails() noexcept;
#else
inline void define_fault_settings() {}
inline constexpr bool guarded_call_fails() {
  return false;
}
#endif

}  // namespace objectos::server
