// Who sync acts for: the user of the key, while a signed push is applied; else the user of the
// session's token; else the current role.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace objectos::server {

// The user of the session's present call. Call it as the caller: a role is asked for by what it is
// at that moment. Throws OS018 for a token that does not stand.
std::string current_user_id();

// The same, if somebody has proved to be it: not for a role.
std::optional<std::string> proven_user_id();

namespace detail {
struct ActingUser {
  std::string user_id;
  std::uint64_t number;  // odd; a token's are even
};
const ActingUser* act_for(const ActingUser* user) noexcept;  // the one before
std::uint64_t next_acting_number() noexcept;
}  // namespace detail

// Runs `work`, the push that `user_id` has signed. Nested ones restore the outer one.
template <typename Work>
auto acting_for(const std::string& user_id, Work&& work) -> decltype(work()) {
  const detail::ActingUser user{user_id, detail::next_acting_number()};
  struct Leave {
    const detail::ActingUser* previous;
    ~Leave() { detail::act_for(previous); }  // plain assignment: no backend call
  } leave{detail::act_for(&user)};
  return work();
}

}  // namespace objectos::server
