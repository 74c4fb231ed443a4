// Who sync acts for.
#pragma once

#include <string>

namespace objectos::server {

// The user of the session's present call: in role mode the current role's name.
std::string current_user_id();

}  // namespace objectos::server
