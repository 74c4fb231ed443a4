#include <vector>

#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"
#include "protocol/text_rope.h"
#include "tests/faults/traces/replays.h"

namespace objectos {

std::string replay_sequential(const Json& recording) {
  const std::string& start = member(recording, "startContent").text();
  const std::string& end = member(recording, "endContent").text();
  std::vector<TextOperation> operations;
  for (const Json& transaction : member(recording, "txns").items()) {
    for (const Json& patch : member(transaction, "patches").items())
      operations.push_back(operation_of(patch));
  }
  if (operations.empty()) throw std::runtime_error("it has no edits");
  TextRope rope(start);
  for (const TextOperation& one : operations) rope.apply(one);
  if (rope.text() != end) throw std::runtime_error("edit by edit it ends with another text");
  const TextOperation composed = ot::compose_all(operations);
  if (ot::apply(start, composed) != end)
    throw std::runtime_error("composed into one operation it ends with another text");
  if (!(parse_text_operation(write_text_operation(composed)) == composed))
    throw std::runtime_error("the composed operation is not read as it was written");
  if (ot::apply(end, ot::invert(composed, start)) != start)
    throw std::runtime_error("undone as one it does not end where it began");
  return std::to_string(operations.size()) + " edits, " + std::to_string(rope.size()) +
         " characters at the end, the same both ways";
}

}  // namespace objectos
