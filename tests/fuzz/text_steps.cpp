// The steps of a text field: what is read is written as it was, and a session with edits of its own
// takes them whole or not at all. Lines: an edit as JSON, the steps; the rest is the text.
#include "protocol/text_steps.h"

#include "protocol/text_operation_json.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

void check_session(const std::string& text, const TextOperation& edit,
                   const std::vector<TextStep>& steps) {
  TextSession session(TextState{text, steps.front().since, {}});
  session.edit("mine", edit);
  session.freeze();
  session.edit("later", TextOperationBuilder().insert("x").build());
  for (const TextStep& step : steps) {
    const TextState before = session.state();
    const std::string seen = session.text();
    TextOperation change;
    if (!fuzz::accepted([&] { change = session.take(step); })) {
      require(session.state() == before && session.text() == seen,
              "a refused step changes nothing");
      return;
    }
    require(session.state().revision == step.revision, "a step makes its revision");
    require(ot::apply(seen, change) == session.text(), "the change is what the user sees of it");
    require(TextSession(session.state()).text() == session.text(),
            "the text is the base with the edits");
  }
}

}  // namespace

FUZZ_TARGET(text_steps) {
  fuzz::Bytes bytes(input);
  TextOperation edit;
  std::vector<TextStep> steps;
  const std::string_view first = bytes.until('\n'), second = bytes.until('\n');
  if (!fuzz::accepted([&] { edit = parse_text_operation(first); })) return;
  if (!fuzz::accepted([&] { steps = decode_text_steps(parse_json(second)); })) return;
  require(decode_text_steps(encode_text_steps(steps)) == steps,
          "steps are read as they were written");
  const std::string text(bytes.rest());
  if (!fuzz::accepted([&] { ot::apply(text, edit); })) return;
  check_session(text, edit, steps);
}
