// What the files of filters share.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace objectos::detail {

inline constexpr const char* grammar_hint =
    "Write for example: owner = $user AND (stage IN ('new', 'open') OR closed_at IS NULL).";

// All throw ProtocolError OS019.
[[noreturn]] void refuse_filter(std::string message, std::string detail,
                                std::string hint = grammar_hint);
[[noreturn]] void refuse_terms();
void require_known_variable(const std::string& name);
void require_short(std::size_t bytes, std::size_t most, const char* what);

}  // namespace objectos::detail
