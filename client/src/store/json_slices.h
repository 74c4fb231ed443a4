// A shallow view of JSON that Postgres or our own triggers wrote: an object or array is cut into
// its members' raw texts, so numbers keep every digit and no tree is built on the way into SQLite.
// Throws StoreError(invalid_input) where the text is not JSON at the level that is looked at.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/json.h"

namespace objectos {

using RawMember = std::pair<std::string, std::string>;  // name (unescaped), raw value text
using RawMembers = std::vector<RawMember>;

// The members of one object as views into its text, for rows that are read once and in bulk. Names
// with escapes live here; everything lasts until the next parse().
struct JsonSlice {
  std::string_view name, raw;
};
class JsonSlices {
 public:
  JsonSlices() = default;
  explicit JsonSlices(const RawMembers& members);  // views into these
  const std::vector<JsonSlice>& parse(std::string_view object);
  const std::vector<JsonSlice>& slices() const { return slices_; }
  const JsonSlice* find(std::string_view name) const;

 private:
  std::vector<JsonSlice> slices_;
  std::deque<std::string> unescaped_;
};

RawMembers json_members(std::string_view text);                   // of an object
RawMembers members_of(const std::string& text);                   // the same; none of ""
std::vector<std::string> json_elements(std::string_view text);    // of an array
std::vector<std::string_view> json_views(std::string_view text);  // the same, as views into it
std::string json_unquote(
    std::string_view raw);  // a JSON string's content; other values as they are
// A base image's members; nullopt where it is no JSON, which only a file that was tampered with
// holds.
std::optional<RawMembers> readable_row(const std::string& json);
std::string json_object(const RawMembers& members);
const std::string* json_find(const RawMembers& members, std::string_view name);
// The member's text (strings unquoted); empty if missing or null.
std::string json_text(const RawMembers& members, std::string_view name);
bool json_true(const RawMembers& members, std::string_view name);

}  // namespace objectos
