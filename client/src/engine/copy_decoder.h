// Decodes PostgreSQL's binary COPY stream (signature, flags, tuples of length-prefixed fields) into
// the typed values of the local file, in the wire forms of docs/types.md.
//
// Bytes may come in pieces of any size. Malformed bytes throw Error (class internal, code
// "copy_malformed"); nothing is read beyond what came.
// Source of the layout: PostgreSQL's documentation of COPY, "Binary Format".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace objectos {

// Where decoded values go: bind_* per column in order, then end_row(), until which texts and blobs
// live.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void bind_null() = 0;
  virtual void bind_int64(std::int64_t value) = 0;
  virtual void bind_double(double value) = 0;
  virtual void bind_text(std::string_view value) = 0;
  virtual void bind_blob(std::string_view value) = 0;
  virtual void end_row() = 0;
};

enum class CopyFormat {
  text,
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  uuid,
  bytea,
  date,
  timestamp,
  timestamptz,
  numeric,
};

struct CopyColumn {
  std::string name;
  CopyFormat format = CopyFormat::text;
  bool key = false;  // a float in a key is kept as text, so that equal keys are equal bytes
};

// From sync_snapshot's "binary:<type>" or "text". Throws Error (upgrade) on a name unknown here.
CopyFormat copy_format(std::string_view name);

// The longest text that put_uuid() and put_timestamp() write.
constexpr std::size_t kShortText = 40;

class CopyDecoder {
 public:
  CopyDecoder(std::vector<CopyColumn> columns, RowSink& sink)
      : columns_(std::move(columns)), fields_(columns_.size()), sink_(sink) {}
  void feed(std::string_view bytes);
  // Throws when the stream ended before its trailer.
  void finish() const;

 private:
  bool take_header(std::string_view rest, std::size_t& used) const;
  bool take_row(std::string_view rest, std::size_t& used);
  // One column of the row at hand.
  struct Field {
    std::string_view bytes;
    bool is_null = false;
    char text[kShortText];
    std::string made;  // a longer text
  };
  void bind(const CopyColumn& column, Field& field);

  std::vector<CopyColumn> columns_;
  std::vector<Field> fields_;
  RowSink& sink_;
  std::string buffer_;  // an incomplete row's bytes
  bool header_done_ = false;
  bool trailer_seen_ = false;
};

// Single values, for tests and for the decoder. Dates in days, timestamps in microseconds, both
// since 2000-01-01 as PostgreSQL counts.
std::string format_date(std::int32_t days);
std::string format_timestamp(std::int64_t microseconds, bool with_zone);
std::string format_numeric(std::string_view binary);
std::string format_float8(double value);
std::string format_float4(float value);
std::string format_uuid(std::string_view sixteen_bytes);
// The same without allocation; the length. A timestamp outside the years 1 to 9999 gives 0.
std::size_t put_uuid(std::string_view sixteen_bytes, char (&text)[kShortText]);
std::size_t put_timestamp(std::int64_t microseconds, bool with_zone, char (&text)[kShortText]);

}  // namespace objectos
