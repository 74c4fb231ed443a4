// The steps of a text field as a pull carries them, in the place of its value
// (docs/operational_transform.md, The steps of a pull): {"since":3,"steps":[{"first":4,
// "revision":5,"side":"left","op":["a"]},{"revision":6,"own":"<mutation id>","op":[1,-1]}]}.
#pragma once

#include <vector>

#include "protocol/json.h"
#include "protocol/text_session.h"

namespace objectos {

// At least one step, and each follows the one before, as those of text_steps() do.
Json encode_text_steps(const std::vector<TextStep>& steps);

// Throws OS006 for a missing, unknown or malformed field, for no steps, and for revisions that do
// not ascend.
std::vector<TextStep> decode_text_steps(const Json& json);

}  // namespace objectos
