// check-traces FILE…: replays recordings of real writing and compares with the text that they ended
// with. A recording is JSON, {startContent, endContent, txns: [{patches: [[position, deleted,
// inserted], …]}]}, positions in code points; of several writers at once also {kind: "concurrent"},
// and of each of txns its agent and parents.
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "protocol/json.h"
#include "tests/faults/traces/replays.h"

using namespace objectos;

namespace {

Json read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || text.str().empty()) throw std::runtime_error("cannot be read");
  return parse_json(text.str());
}

bool is_concurrent(const Json& recording) {
  const Json* kind = recording.find("kind");
  return kind != nullptr && kind->text() == "concurrent";
}

}  // namespace

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i], name = path.substr(path.rfind('/') + 1);
    try {
      const Json recording = read(path);
      const std::string told =
          is_concurrent(recording) ? replay_concurrent(recording) : replay_sequential(recording);
      std::printf("%s: %s\n", name.c_str(), told.c_str());
      if (is_concurrent(recording))
        std::printf("%s: %s\n", name.c_str(), replay_served(recording).c_str());
      ++passed;
    } catch (const std::exception& error) {
      std::printf("%s: FAILED: %s\n", name.c_str(), error.what());
      ++failed;
    }
  }
  std::printf("check-traces: %d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
