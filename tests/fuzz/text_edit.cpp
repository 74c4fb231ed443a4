// A pushed edit of a text: what is read is written so that it reads the same, and an edit that fits
// a text leaves the same as its operation does.
#include "protocol/text_edit.h"

#include "protocol/operational_transform.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(text_edit) {
  fuzz::Bytes bytes(input);
  PushedTextEdit edit;
  const std::string_view json = bytes.until('\n');
  if (!fuzz::accepted([&] { edit = decode_text_edit(parse_json(json)); })) return;
  require(edit.revision >= 0, "a revision is not negative");
  require(decode_text_edit(parse_json(write_json(encode_text_edit(edit)))) == edit,
          "an edit is read as it was written");
  const std::string text(bytes.rest());
  std::string after;
  if (!fuzz::accepted([&] { after = ot::apply(text, edit.operation); })) return;
  require(ot::apply(after, ot::invert(edit.operation, text)) == text,
          "what an edit did can be taken back");
}
