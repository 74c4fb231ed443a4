// objectos_sync.text_ops: what was committed to text fields, by the version of the record that each
// operation made (docs/text_fields.md). Written by capture, read by push and pull. Nobody's rights
// are asked: who may see the record has been asked before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg_ext/spi.h"
#include "protocol/text_history.h"

namespace objectos::server {

// One field of one record, from a revision on.
struct TextLogQuery {
  std::string record_id;
  std::int16_t field = 0;  // attnum
  std::int64_t after = 0;  // its text is known: what was committed later is wanted
};

// What each query asks for, in their order, ascending. What an operation was made of (`since`) is
// the one before it, wanted or not. At most `most` operations of each (0: all).
std::vector<std::vector<TextRevision>> read_text_log(Spi& spi, const std::string& object,
                                                     const std::vector<TextLogQuery>& queries,
                                                     Access access, std::int64_t most = 0);

}  // namespace objectos::server
