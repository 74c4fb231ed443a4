// check-traces FILE…: replays recordings of real writing and compares with the text that they ended
// with. A recording is JSON, {startContent, endContent, txns: [{patches: [[position, deleted,
// inserted], …]}]}, positions in code points. Each is replayed in two ways, which share no code:
// edit by edit on a rope, and as operations, composed into one and applied to the start.
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"
#include "protocol/text_rope.h"

using namespace objectos;

namespace {

const Json& member(const Json& json, const char* name) {
  const Json* found = json.find(name);
  if (found == nullptr) throw std::runtime_error(std::string("it has no ") + name);
  return *found;
}

std::size_t count_of(const Json& json) {
  const auto number = json.as_integer();
  if (!number || *number < 0) throw std::runtime_error("a patch has no position or length");
  return static_cast<std::size_t>(*number);
}

Json read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) throw std::runtime_error("cannot be read");
  return parse_json(text.str());
}

// The edits one after the other.
std::vector<TextOperation> operations_of(const Json& recording) {
  std::vector<TextOperation> operations;
  TextOperationBuilder builder;
  for (const Json& transaction : member(recording, "txns").items()) {
    for (const Json& patch : member(transaction, "patches").items()) {
      const Json::Items& parts = patch.items();
      if (parts.size() != 3) throw std::runtime_error("a patch has not 3 parts");
      builder.keep(count_of(parts[0])).erase(count_of(parts[1])).insert(parts[2].text());
      operations.push_back(builder.build());
    }
  }
  if (operations.empty()) throw std::runtime_error("it has no edits");
  return operations;
}

// Throws where the replay does not end with the text of the recording.
std::string replay(const Json& recording) {
  const std::string& start = member(recording, "startContent").text();
  const std::string& end = member(recording, "endContent").text();
  const std::vector<TextOperation> operations = operations_of(recording);
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

}  // namespace

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i], name = path.substr(path.rfind('/') + 1);
    try {
      const Json recording = read(path);
      if (const Json* kind = recording.find("kind"); kind && kind->text() == "concurrent") {
        std::printf("%s: several writers at once: not replayed here\n", name.c_str());
        continue;
      }
      std::printf("%s: %s\n", name.c_str(), replay(recording).c_str());
      ++passed;
    } catch (const std::exception& error) {
      std::printf("%s: FAILED: %s\n", name.c_str(), error.what());
      ++failed;
    }
  }
  std::printf("check-traces: %d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
