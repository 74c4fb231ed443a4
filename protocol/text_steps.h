// The steps of a text field as a pull carries them (docs/operational_transform.md, The steps of a
// pull): {"since":3,"revision":6,"steps":[{"revision":5,"side":"left","op":["a"]},
// {"revision":6,"own":"<mutation id>","op":[1,-1]}]}.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/json.h"
#include "protocol/text_session.h"

namespace objectos {

// What a pull tells of one text field. Without steps the row holds the whole text.
struct TextProgress {
  std::int64_t revision = 0;
  std::optional<std::vector<TextStep>> steps;
  bool operator==(const TextProgress&) const = default;
};

// The steps follow one another, as those of text_steps() do, up to `revision`.
Json encode_text_progress(const TextProgress& progress);

// Throws OS006 for a missing, unknown or malformed field, and for revisions that do not ascend.
TextProgress decode_text_progress(const Json& json);

}  // namespace objectos
