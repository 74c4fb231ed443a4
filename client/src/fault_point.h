// Named places where a test may kill the process: OBJECTOS_FAULT=name[:n] ends it with SIGKILL when
// the n-th (default first) call of fault_point("name") is reached. Without the variable a call
// costs one read of a static flag.
#pragma once

#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace objectos {

struct FaultPlan {
  std::string name;
  long countdown = 0;
  static FaultPlan& instance() {
    static FaultPlan plan = from_environment();
    return plan;
  }
  static FaultPlan from_environment() {
    const char* text = std::getenv("OBJECTOS_FAULT");
    if (text == nullptr) return {};
    std::string value = text;
    size_t colon = value.rfind(':');
    if (colon == std::string::npos) return {value, 1};
    return {value.substr(0, colon), std::strtol(value.c_str() + colon + 1, nullptr, 10)};
  }
};

inline void fault_point(std::string_view name) {
  static const bool armed = !FaultPlan::instance().name.empty();
  if (!armed) return;
  FaultPlan& plan = FaultPlan::instance();
  if (plan.name == name && --plan.countdown == 0) std::raise(SIGKILL);
}

}  // namespace objectos
