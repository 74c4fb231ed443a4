#include "pg_ext/record_hasher.h"

#include <algorithm>

#include "pg_ext/value_forms.h"

#include "pg_ext/pg.h"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace objectos::server {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

RecordHasher::RecordHasher(std::uint64_t seed, const PullClient& client)
    : seed_(seed),
      client_(client),
      utf8_(pg_call([] { return GetDatabaseEncoding() == PG_UTF8; })),
      image_(seed) {}

// Clients hash UTF-8, whatever the database is encoded in.
std::string_view RecordHasher::in_utf8(std::string_view text, std::string& converted) const {
  if (utf8_ || is_ascii(text)) return text;
  const int length = static_cast<int>(text.size());
  char* const other = pg_call([&] { return pg_server_to_any(text.data(), length, PG_UTF8); });
  if (other == text.data()) return text;
  converted = other;
  pg_call([&] { pfree(other); });
  return converted;
}

std::uint64_t RecordHasher::place(const std::string& record_id) {
  return place_of(seed_, in_utf8(record_id, converted_));
}

Digest RecordHasher::digest(const ObjectView& object, const ScannedRecord& record) {
  image_.begin(in_utf8(record.record_id, converted_), record.version);
  forms_.clear();
  ends_.resize(record.columns.size());
  append_value_forms(forms_, ends_.data(), record.columns, record.values, record.nulls);
  std::size_t from = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    const std::string_view form = std::string_view(forms_).substr(from, ends_[i] - from);
    image_.form(record.columns[i]->kind, record.columns[i]->in_key, in_utf8(form, converted_));
    from = ends_[i];
  }
  if (object.info.row_security) {
    image_.text(record_tag(client_, object.info.object, record.record_id));
  }
  return image_.digest();
}

}  // namespace objectos::server
