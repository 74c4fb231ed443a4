#include "text_trace.h"

#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>

#include "protocol/json.h"

namespace bench {

namespace {

// A caret in a text of so many characters, and what is typed there.
class Writer {
 public:
  Writer(std::uint32_t seed, std::size_t points) : random_(seed), points_(points) {}

  void jump() { caret_ = random_() % (points_ + 1); }
  // True: a character is typed before the caret; false: the one before it is deleted.
  bool types(unsigned deleted_percent) {
    const bool typed = caret_ == 0 || random_() % 100 >= deleted_percent;
    caret_ += typed ? 1 : -1;
    points_ += typed ? 1 : -1;
    return typed;
  }
  std::size_t caret() const { return caret_; }
  unsigned dice(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  std::mt19937 random_;
  std::size_t points_;
  std::size_t caret_ = 0;
};

std::string contents(const std::string& path) {
  const bool packed = path.ends_with(".gz");
  const auto close = [&](std::FILE* file) { return packed ? pclose(file) : std::fclose(file); };
  const std::string command = "exec gzip -dc -- '" + path + "'";
  std::FILE* const file = packed ? popen(command.c_str(), "r") : std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw std::runtime_error("cannot read " + path);
  std::string text;
  char block[65'536];
  for (std::size_t read; (read = std::fread(block, 1, sizeof block, file)) > 0;)
    text.append(block, read);
  if (close(file) != 0 || text.empty()) throw std::runtime_error("cannot read " + path);
  return text;
}

const objectos::Json& member(const objectos::Json& json, const char* name) {
  const objectos::Json* found = json.find(name);
  if (found == nullptr) throw std::runtime_error(std::string("the recording has no ") + name);
  return *found;
}

}  // namespace

TextTrace generated_trace() {
  constexpr std::size_t edits = 259'778;
  TextTrace trace{"a generated trace", "", "", {}};
  trace.patches.reserve(edits);
  Writer writer(1, 0);
  std::size_t until_jump = 0;
  for (std::size_t i = 0; i < edits; ++i) {
    if (until_jump-- == 0) {
      writer.jump();
      until_jump = 1 + writer.dice(120);
    }
    const unsigned letter = writer.dice(27);
    if (writer.types(30))
      trace.patches.push_back(
          {writer.caret() - 1, 0,
           std::string(1, letter == 26 ? ' ' : static_cast<char>('a' + letter))});
    else
      trace.patches.push_back({writer.caret(), 1, ""});
  }
  return trace;
}

TextTrace recorded_trace(const std::string& path) {
  const objectos::Json json = objectos::parse_json(contents(path));
  TextTrace trace{
      "a recording", member(json, "startContent").text(), member(json, "endContent").text(), {}};
  for (const objectos::Json& transaction : member(json, "txns").items()) {
    for (const objectos::Json& patch : member(transaction, "patches").items()) {
      const objectos::Json::Items& parts = patch.items();
      if (parts.size() != 3) throw std::runtime_error("a patch of the recording has not 3 parts");
      trace.patches.push_back({static_cast<std::size_t>(parts[0].as_integer().value()),
                               static_cast<std::size_t>(parts[1].as_integer().value()),
                               parts[2].text()});
    }
  }
  return trace;
}

std::vector<objectos::TextOperation> text_branch(std::size_t count, std::size_t points, char letter,
                                                 bool scattered) {
  std::vector<objectos::TextOperation> operations;
  operations.reserve(count);
  Writer writer(static_cast<std::uint32_t>(letter), points);
  objectos::TextOperationBuilder builder;
  for (std::size_t i = 0; i < count; ++i) {
    if (scattered || i % 50 == 0) writer.jump();
    if (writer.types(20))
      builder.keep(writer.caret() - 1).insert(std::string(1, letter));
    else
      builder.keep(writer.caret()).erase(1);
    operations.push_back(builder.build());
  }
  return operations;
}

}  // namespace bench
