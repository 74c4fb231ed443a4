// From a decoded mutation to an edit of known columns, every value in its type's canonical JSON
// form.
#pragma once

#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Fills item.edit and the record's identity (canonical record_id and key texts). Throws SyncError
// or ProtocolError for a bad mutation, PgError when a type's input function refuses a value: call
// it in a subtransaction. `field` names the field being looked at when it throws. Of a text field
// that is edited by an operation, item.edit.data has the edit's own JSON and item.texts the edit.
void prepare_mutation(const PushObject& object, const Mutation& mutation, std::int64_t now_us,
                      PushItem& item, std::vector<std::string>& key_texts, std::string& field);

// The text edits of a mutation that was judged before; none of one that was refused for them.
std::map<std::string, PushedTextEdit> text_edits_of(const ObjectInfo& info,
                                                    const Mutation& mutation);

// The canonical JSON form of a value, by the column type's input and output functions.
std::string canonical_value(const ColumnInfo& column, const std::string& json);

}  // namespace objectos::server
