// Merges the text edits of a pushed mutation with what was committed meanwhile
// (docs/operational_transform.md, The server).
#pragma once

#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// A text edit that cannot be judged before its client has pulled: nothing from its group on is.
struct PullFirst {
  std::size_t index;  // of the item
};

// Whether the mutation edits a text of a record that is there: merge_texts() is to be called.
bool edits_texts(const PushItem& item);

// Whether it does nothing but edit texts, and sets none to NULL: such edits of one record that
// follow one another can be written at once.
bool only_edits_texts(const PushItem& item);

// Fills `merged` and `committed` of items[index] against the record as it is now; `version`: the
// one that the edit builds on. Reads the text log under the record's lock. Throws PullFirst;
// ProtocolError where the edit is refused: OS006 for one that reaches beyond the text, and for a
// revision from the future. What an operation makes of a text stands in the record's chain, and in
// `merged` there is only whether it changes it.
void merge_texts(const std::string& client_id, std::vector<PushItem>& items, std::size_t index,
                 std::optional<std::int64_t> version, RecordState& record);

}  // namespace objectos::server
