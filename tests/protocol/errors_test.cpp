#include "protocol/errors.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace objectos;

TEST_CASE("every error has a SQLSTATE and a name of its own, and is found by its SQLSTATE") {
  std::set<std::string> states, names;
  for (int i = 0; i < error_count; ++i) {
    const ErrorInfo& info = error_info(static_cast<ErrorCode>(i));
    CHECK(find_error(info.sqlstate) == &info);
    CHECK(std::string(info.sqlstate).substr(0, 2) == "OS");
    CHECK(std::string(info.sqlstate).size() == 5);
    states.insert(info.sqlstate);
    names.insert(info.name);
    CHECK(info.retryable == (info.action == ClientAction::retry));
  }
  CHECK(states.size() == error_count);
  CHECK(names.size() == error_count);
  for (const char* state : {"", "OS", "OS999", "os001", "23505"}) {
    CHECK_MESSAGE(find_error(state) == nullptr, state);
  }
}
