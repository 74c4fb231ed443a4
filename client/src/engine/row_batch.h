// Decoded rows of one object on their way from a thread that reads to the one that writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/copy_decoder.h"

namespace objectos {

class RowBatch final : public RowSink {
 public:
  std::size_t object = 0;   // its place among the objects that are read
  std::int64_t source = 0;  // bytes received for these rows
  bool last = false;        // the object ends with it

  void bind_null() override { cells_.push_back({Kind::null, {}}); }
  void bind_int64(std::int64_t value) override { cells_.push_back({Kind::integer, {value}}); }
  void bind_double(double value) override;
  void bind_text(std::string_view value) override { bind_bytes(Kind::text, value); }
  void bind_blob(std::string_view value) override { bind_bytes(Kind::blob, value); }
  void end_row() override { cells_.push_back({Kind::end, {}}); }

  // Gives everything to `sink`, in order.
  void play(RowSink& sink) const;
  // What it holds, in memory.
  std::size_t bytes() const { return bytes_.size() + cells_.size() * sizeof(Cell); }
  // Empty again; keeps its memory unless a large value has made it large.
  void clear();

 private:
  enum class Kind : std::uint8_t { null, integer, real, text, blob, end };
  struct Cell {
    Kind kind;
    union {
      std::int64_t integer;
      double real;
      std::uint64_t length;
    };
  };
  void bind_bytes(Kind kind, std::string_view value);

  std::vector<Cell> cells_;
  std::string bytes_;  // of texts and blobs, one after the other
};

}  // namespace objectos
