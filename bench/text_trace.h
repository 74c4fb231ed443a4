// Edits of a text for the measurements: generated as people type, or read from a recording.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/operational_transform.h"

namespace bench {

// Deletes, then inserts, at a position in code points.
struct TextPatch {
  std::size_t position;
  std::size_t deleted;
  std::string inserted;
};

struct TextTrace {
  std::string what;  // where it is from
  std::string start;
  std::string end;  // "" where nobody knows it beforehand
  std::vector<TextPatch> patches;
};

// 259,778 edits of one character each around a caret that jumps now and then, three of ten of them
// deletions: what the writing of a paper of 105,000 characters looks like. The same every time.
TextTrace generated_trace();

// A recording {startContent, endContent, txns: [{patches: [[position, deleted, inserted], …]}]},
// as JSON or compressed by gzip (named *.gz). Throws if there is none at the path.
TextTrace recorded_trace(const std::string& path);

// `count` single edits of a text of `points` characters, of the letter given. A caret that moves on
// and jumps every 50 edits, or, scattered, one that jumps every time.
std::vector<objectos::TextOperation> text_branch(std::size_t count, std::size_t points, char letter,
                                                 bool scattered);

}  // namespace bench
