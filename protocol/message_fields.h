// Reading the fields of a message. Every refusal is OS006 and names the message and the field.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/json.h"

namespace objectos {

// `json` is the message the field belongs to; its `id` or `mutation_id` is named in the detail.
[[noreturn]] void refuse_field(const Json& json, const std::string& field, const std::string& why);

// The member, or nullptr where it is missing or null.
const Json* present(const Json& json, std::string_view name);

// Refuses a message that is no object. `what` is its name.
void require_object(const Json& json, const std::string& what);

// Refuses a member that is not listed, so that a misspelt key is not lost.
void require_known_keys(const Json& json, std::initializer_list<std::string_view> known);

// "" where it is missing and not required.
std::string text_field(const Json& json, const std::string& name, std::size_t bytes_max,
                       bool required);
std::optional<std::string> optional_text_field(const Json& json, const std::string& name,
                                               std::size_t bytes_max);

// Whole and not negative.
std::optional<std::int64_t> integer_field(const Json& json, const std::string& name);

// False where it is missing.
bool boolean_field(const Json& json, const std::string& name);

// Null where it is missing.
Json object_field(const Json& json, const std::string& name);
Json array_field(const Json& json, const std::string& name);

// For encoding: null for "" and for nothing.
Json text_or_null(const std::string& text);
Json integer_or_null(const std::optional<std::int64_t>& value);

}  // namespace objectos
