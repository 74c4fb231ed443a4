// The queued edits of one record's text fields, over the text that they were made of: those that
// follow one another without an insert or a deletion between them.
//
// Edits that plain SQL left as strings become operations here: the difference of the text before
// and the string; where `original` is another text than the one before (the base image has moved
// under it, or the column merged no text then), that difference is moved over the one between the
// two. What is no valid text stays as it is, and all that follows it: no server takes it.
//
// Within a write transaction of the store's. What is changed in the sessions is in the queue when
// keep() or keep_plain() has run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "json_slices.h"
#include "protocol/text_session.h"

namespace objectos {

class Store;

class RecordTexts {
 public:
  // Of mutations with numbers above `after`. `base`: the row that the first of them was made of;
  // nullopt: it is gone, and what the first of them found there is taken for it. `revision`: the
  // base's.
  RecordTexts(const Store& store, const std::string& object, const std::string& record_id,
              int64_t after, const std::optional<RawMembers>& base, int64_t revision);

  bool empty() const { return fields_.empty(); }
  std::vector<std::string> fields() const;
  TextSession& session(const std::string& field) { return fields_.at(field).session; }
  // Whether an edit of plain SQL had to be moved: the row is another one, when it is kept.
  bool moved() const { return moved_; }
  // Mutations that edited one of the fields when they were read.
  const std::map<std::string, int64_t>& numbers() const { return numbers_; }

  // Writes the edits to the queue, as operations.
  void keep();
  // The same as values: what was there before, and what is there after. For edits whose text is
  // gone, or is no text any more.
  void keep_plain();
  // What the mutation wrote in these fields, and found there; nothing of fields that it left alone.
  struct Plain {
    RawMembers data, original;
  };
  Plain plain(const std::string& mutation) const;

 private:
  struct Field {
    std::string base;  // raw
    TextSession session;
    std::map<std::string, bool> to_null;          // by mutation: whether it set the field to NULL
    std::map<std::string, TextOperation> queued;  // operations as they are in the queue
  };
  class Reader;
  std::map<std::string, Plain> plain_values() const;
  void rewrite(int64_t number, const RawMembers& data, const RawMembers& original) const;

  const Store& store_;
  std::map<std::string, Field> fields_;
  std::map<std::string, int64_t> numbers_;
  bool moved_ = false;
};

}  // namespace objectos
