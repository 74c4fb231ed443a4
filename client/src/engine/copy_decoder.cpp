#include "engine/copy_decoder.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "objectos/error.h"

namespace objectos {

namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr std::size_t kHeaderBytes = 19;  // signature, flags, length of the header's extension

struct FormatName {
  std::string_view name;
  CopyFormat format;
};
constexpr FormatName kFormats[] = {
    {"text", CopyFormat::text},
    {"binary:text", CopyFormat::text},
    {"binary:varchar", CopyFormat::text},
    {"binary:bpchar", CopyFormat::text},
    {"binary:bool", CopyFormat::boolean},
    {"binary:int2", CopyFormat::int2},
    {"binary:int4", CopyFormat::int4},
    {"binary:int8", CopyFormat::int8},
    {"binary:float4", CopyFormat::float4},
    {"binary:float8", CopyFormat::float8},
    {"binary:uuid", CopyFormat::uuid},
    {"binary:bytea", CopyFormat::bytea},
    {"binary:date", CopyFormat::date},
    {"binary:timestamp", CopyFormat::timestamp},
    {"binary:timestamptz", CopyFormat::timestamptz},
    {"binary:numeric", CopyFormat::numeric},
};

[[noreturn]] void malformed(const std::string& detail) {
  throw Error(ErrorClass::internal, "copy_malformed",
              "The server's COPY stream is not what this version expects.", detail,
              "Install the same version of objectos_sync on both sides.");
}

std::uint64_t big_endian(const char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}
std::uint64_t big_endian(std::string_view bytes) {
  return big_endian(bytes.data(), bytes.size());
}

std::uint64_t fixed(const CopyColumn& column, std::string_view field, std::size_t width) {
  if (field.size() != width) {
    malformed("column " + column.name + ": " + std::to_string(field.size()) + " bytes");
  }
  return big_endian(field);
}

// The double whose shortest text is the float's: 0.1f becomes 0.1, not 0.10000000149.
double widen(float value) {
  if (std::isnan(value) || std::isinf(value)) return value;
  std::string text = format_float4(value);
  double wide = 0;
  std::from_chars(text.data(), text.data() + text.size(), wide);
  return wide;
}

}  // namespace

CopyFormat copy_format(std::string_view name) {
  for (const FormatName& known : kFormats) {
    if (known.name == name) return known.format;
  }
  throw Error(ErrorClass::upgrade, "copy_format_unknown",
              "The server sends a column in a form this version does not know.", std::string(name),
              "Install the same version of objectos_sync on both sides.");
}

void CopyDecoder::feed(std::string_view bytes) {
  std::string_view rest = bytes;
  if (!buffer_.empty()) {
    buffer_.append(bytes);
    rest = buffer_;
  }
  std::size_t used = 0;
  if (!header_done_ && take_header(rest, used)) header_done_ = true;
  while (header_done_ && !trailer_seen_ && take_row(rest, used)) {
  }
  if (buffer_.empty()) {
    buffer_.assign(rest.substr(used));
  } else {
    buffer_.erase(0, used);
  }
}

void CopyDecoder::finish() const {
  if (!trailer_seen_) malformed("the stream ended early");
}

bool CopyDecoder::take_header(std::string_view rest, std::size_t& used) const {
  if (rest.size() < kHeaderBytes) return false;
  if (rest.substr(0, kSignature.size()) != kSignature) malformed("no COPY signature");
  std::size_t extension = big_endian(rest.substr(15, 4));
  if (rest.size() - kHeaderBytes < extension) return false;
  used = kHeaderBytes + extension;
  return true;
}

bool CopyDecoder::take_row(std::string_view rest, std::size_t& used) {
  std::size_t at = used;
  if (rest.size() - at < 2) return false;
  int count = static_cast<std::int16_t>(big_endian(rest.substr(at, 2)));
  at += 2;
  if (count == -1) {
    trailer_seen_ = true;
    used = at;
    return false;
  }
  if (static_cast<std::size_t>(count) != columns_.size()) {
    malformed(std::to_string(count) + " columns instead of " + std::to_string(columns_.size()));
  }
  // First make sure that the whole row is here: a sink never sees half a row.
  std::size_t end = at;
  for (Field& field : fields_) {
    if (rest.size() - end < 4) return false;
    auto length = static_cast<std::int32_t>(big_endian(rest.data() + end, 4));
    end += 4;
    if (length < -1) malformed("negative length");
    field.is_null = length < 0;
    field.bytes = {rest.data() + end, length > 0 ? static_cast<std::size_t>(length) : 0};
    if (rest.size() - end < field.bytes.size()) return false;
    end += field.bytes.size();
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (fields_[i].is_null) {
      sink_.bind_null();
    } else {
      bind(columns_[i], fields_[i]);
    }
  }
  sink_.end_row();
  used = end;
  return true;
}

void CopyDecoder::bind(const CopyColumn& column, Field& row_field) {
  const std::string_view field = row_field.bytes;
  // What is made here lives until the row has ended.
  auto bind_made = [&](std::string text) {
    row_field.made = std::move(text);
    sink_.bind_text(row_field.made);
  };
  switch (column.format) {
    case CopyFormat::text:
      return sink_.bind_text(field);
    case CopyFormat::bytea:
      return sink_.bind_blob(field);
    case CopyFormat::boolean:
      return sink_.bind_int64(fixed(column, field, 1) != 0 ? 1 : 0);
    case CopyFormat::int2:
      return sink_.bind_int64(static_cast<std::int16_t>(fixed(column, field, 2)));
    case CopyFormat::int4:
      return sink_.bind_int64(static_cast<std::int32_t>(fixed(column, field, 4)));
    case CopyFormat::int8:
      return sink_.bind_int64(static_cast<std::int64_t>(fixed(column, field, 8)));
    case CopyFormat::float4: {
      auto bits = static_cast<std::uint32_t>(fixed(column, field, 4));
      float value = std::bit_cast<float>(bits);
      return column.key ? bind_made(format_float4(value)) : sink_.bind_double(widen(value));
    }
    case CopyFormat::float8: {
      double value = std::bit_cast<double>(fixed(column, field, 8));
      return column.key ? bind_made(format_float8(value)) : sink_.bind_double(value);
    }
    case CopyFormat::uuid:
      fixed(column, field, 16);
      return sink_.bind_text({row_field.text, put_uuid(field, row_field.text)});
    case CopyFormat::date:
      return bind_made(format_date(static_cast<std::int32_t>(fixed(column, field, 4))));
    case CopyFormat::timestamp:
    case CopyFormat::timestamptz: {
      auto microseconds = static_cast<std::int64_t>(fixed(column, field, 8));
      bool zone = column.format == CopyFormat::timestamptz;
      if (std::size_t length = put_timestamp(microseconds, zone, row_field.text)) {
        return sink_.bind_text({row_field.text, length});
      }
      return bind_made(format_timestamp(microseconds, zone));
    }
    case CopyFormat::numeric:
      return bind_made(format_numeric(field));
  }
}

}  // namespace objectos
