#include "engine/row_batch.h"

namespace objectos {

namespace {
constexpr std::size_t kKeptBytes = 1 << 20;
}

void RowBatch::bind_double(double value) {
  Cell cell{Kind::real, {}};
  cell.real = value;
  cells_.push_back(cell);
}

void RowBatch::bind_bytes(Kind kind, std::string_view value) {
  Cell cell{kind, {}};
  cell.length = value.size();
  cells_.push_back(cell);
  bytes_.append(value);
}

void RowBatch::play(RowSink& sink) const {
  std::size_t at = 0;
  const auto next = [&](const Cell& cell) {
    const std::string_view value(bytes_.data() + at, cell.length);
    at += cell.length;
    return value;
  };
  for (const Cell& cell : cells_) {
    switch (cell.kind) {
      case Kind::null:
        sink.bind_null();
        break;
      case Kind::integer:
        sink.bind_int64(cell.integer);
        break;
      case Kind::real:
        sink.bind_double(cell.real);
        break;
      case Kind::text:
        sink.bind_text(next(cell));
        break;
      case Kind::blob:
        sink.bind_blob(next(cell));
        break;
      case Kind::end:
        sink.end_row();
        break;
    }
  }
}

void RowBatch::clear() {
  cells_.clear();
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
  if (cells_.capacity() * sizeof(Cell) > kKeptBytes) cells_.shrink_to_fit();
  object = 0, source = 0, last = false;
}

}  // namespace objectos
