// Statements through the server programming interface, and rows out.
//
// A session ends with finish(); when an exception passes, abort cleans it up (destructors never
// call the backend). Values in Rows live until the session ends or release() is called.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/boundary.h"

struct SPITupleTable;
struct _SPI_plan;

namespace objectos::server {

// A parameter of a statement. Owns its bytes.
class Param {
 public:
  static Param text(std::optional<std::string_view> value);
  static Param int8(std::optional<std::int64_t> value);
  static Param boolean(std::optional<bool> value);
  static Param bytea(std::optional<std::string_view> bytes);
  static Param json(std::optional<std::string_view> value);
  // Any type from its input text: jsonb, uuid, timestamptz, text[], a column's own type, …
  static Param of_type(Oid type, std::optional<std::string_view> input);
  static Param jsonb(std::optional<std::string_view> value);
  static Param uuid(std::optional<std::string_view> value);
  static Param timestamptz(std::optional<std::string_view> value);
  static Param datum(Oid type, Datum value, bool is_null);
  static Param text_array(std::vector<std::optional<std::string>> values);
  static Param bytea_array(std::vector<std::optional<std::string>> values);  // raw bytes
  static Param int8_array(std::vector<std::int64_t> values);
  // An array of any type that has an array type, from the input texts of its elements.
  static Param array_of(Oid element_type, std::vector<std::optional<std::string>> inputs);

  Oid type() const noexcept { return type_; }
  bool is_null() const noexcept { return form_ == Form::null; }

 private:
  friend class Spi;
  enum class Form { null, varlena, number, input, ready, texts, numbers, inputs };
  Param(Oid type, Form form) : type_(type), form_(form) {}
  Oid type_;
  Form form_;
  std::uintptr_t number_ = 0;
  std::string bytes_;
  std::vector<std::optional<std::string>> elements_;
  std::vector<std::int64_t> numbers_;
};

using Params = std::vector<Param>;

// What a statement returned. Columns and rows count from 0.
class Rows {
 public:
  std::size_t size() const noexcept { return size_; }  // rows returned
  bool empty() const noexcept { return size_ == 0; }
  std::uint64_t affected() const noexcept { return affected_; }
  int column_count() const;
  Oid column_type(int column) const;
  bool is_null(std::size_t row, int column) const;
  Datum datum(std::size_t row, int column, bool* is_null) const;
  // All columns of a row at once.
  void values(std::size_t row, Datum* values, bool* nulls) const;
  std::optional<std::string> text(std::size_t row,
                                  int column) const;  // by the type's output function
  std::string text_or(std::size_t row, int column, std::string_view otherwise) const;
  std::optional<std::int64_t> int8(std::size_t row, int column) const;  // of int2, int4, int8, oid
  std::vector<Oid> oids() const;                         // the first column; NULL is 0
  std::string bytes(std::size_t row, int column) const;  // of bytea; NULL is ""
  bool boolean(std::size_t row, int column) const;       // NULL is false
  void release();                                        // frees the rows now

 private:
  friend class Spi;
  SPITupleTable* table_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t affected_ = 0;
};

enum class Access { read_only, read_write };  // read_only: the active snapshot, nothing newer

class Spi {
 public:
  Spi();
  Spi(const Spi&) = delete;
  Spi& operator=(const Spi&) = delete;
  void finish();

  // Plans are kept for the backend's life, keyed by text, parameter types (and by identity: owner
  // or caller). At most plans_kept_max of them: the cache is emptied when full,
  // though not from within a statement that one of them executes.
  Rows execute(const std::string& sql, const Params& params = {},
               Access access = Access::read_write, long row_limit = 0);
  // For statements that join arrays to a table by its key: one plan, kept, that goes from element
  // to element in their order and by index. A plan made for each call would now and then read the
  // whole table instead, and take its rows in any order.
  Rows execute_by_key(const std::string& sql, const Params& params = {},
                      Access access = Access::read_write);
  // The parameters with their values made, in the current memory context: what input functions read
  // from the session's settings is read now.
  static Params ready(const Params& params);
  // Not cached: for texts that will not come again.
  Rows execute_once(const std::string& sql, const Params& params = {},
                    Access access = Access::read_write);

 private:
  static Datum value_of(const Param& param);
  static _SPI_plan* kept_plan(const std::string& sql, const Params& params, bool by_key);
  Rows run(_SPI_plan* plan, const Params& params, Access access, long row_limit);
};

// Connects, runs `work(Spi&)`, finishes. What `work` returns must not point into the session's
// memory.
template <typename Work>
auto with_spi(Work&& work) -> decltype(work(std::declval<Spi&>())) {
  Spi spi;
  if constexpr (std::is_void_v<decltype(work(spi))>) {
    work(spi);
    spi.finish();
  } else {
    auto result = work(spi);
    spi.finish();
    return result;
  }
}

std::string quote_identifier(const std::string& name);
std::string quote_literal(const std::string& text);

// The rows of a set-returning function, in a tuplestore (materialize mode). Create it before
// with_spi().
class RowWriter {
 public:
  explicit RowWriter(FunctionCall call);
  // Fields of the row being written, in column order; each by text input of the column's type (text
  // and json fast).
  RowWriter& null();
  RowWriter& text(std::string_view value);
  RowWriter& text(const std::optional<std::string>& value);
  RowWriter& int8(std::int64_t value);
  RowWriter& int8(std::optional<std::int64_t> value);
  RowWriter& boolean(bool value);
  RowWriter& datum(Datum value, bool is_null);
  void end_row();
  std::uint64_t row_count() const noexcept { return row_count_; }

 private:
  void add(Datum value, bool is_null);
  void* store_;        // Tuplestorestate*
  void* descriptor_;   // TupleDesc
  void* row_context_;  // MemoryContext
  std::vector<Datum> values_;
  std::vector<char> nulls_;
  std::uint64_t row_count_ = 0;
};

}  // namespace objectos::server
