// Text of a checkpoint:
//   os1.<epoch>.<timeline>.<lsn>.<anchor>.<segments>.<schema>.<objects>.<checksum>
// anchor: <sequence>-<hash> or empty. segments: <bound>[:<lo>-<hi>,…] joined by ";".
// objects: <name>:<view>:d | <name>:<view>:r[:<cursor>] joined by ";". Names and cursors are
// percent-encoded; hashes are 16 hex digits; the checksum is FNV-1a of all before its dot.
#include <charconv>

#include "protocol/checkpoint.h"
#include "protocol/errors.h"
#include "protocol/fnv.h"

namespace objectos {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw ProtocolError(ErrorCode::invalid_checkpoint, "the checkpoint is not valid",
                      std::string("It is not one that sync_pull gave out: ") + what + ".",
                      "Use the checkpoint exactly as sync_pull returned it, or '0' to read all.");
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '-';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
      out += "0123456789abcdef"[c & 15];
    }
  }
  return out;
}

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    auto byte = i + 2 < text.size()
                    ? parse_hex64(std::string(14, '0') + std::string(text.substr(i + 1, 2)))
                    : std::nullopt;
    if (!byte) refuse("a name is encoded wrongly");
    out += static_cast<char>(*byte);
    i += 2;
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

template <class Number>
Number parse_decimal(std::string_view text) {
  Number value = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || error != std::errc{} || stop != text.data() + text.size()) {
    refuse("a number is wrong");
  }
  return value;
}

std::uint64_t parse_hash(std::string_view text) {
  auto hash = parse_hex64(text);
  if (!hash) refuse("a hash is wrong");
  return *hash;
}

// A UUID in its one written form.
bool is_epoch(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

Segment parse_segment(std::string_view text) {
  Segment segment;
  auto parts = split(text, ':');
  if (parts.size() > 2) refuse("a segment is wrong");
  segment.bound = parse_decimal<std::int64_t>(parts[0]);
  if (parts.size() == 1) return segment;
  std::uint64_t previous = 0;
  for (std::string_view range : split(parts[1], ',')) {
    auto ends = split(range, '-');
    if (ends.size() != 2) refuse("a range is wrong");
    auto lo = parse_decimal<std::uint64_t>(ends[0]);
    auto hi = parse_decimal<std::uint64_t>(ends[1]);
    if (lo > hi || (!segment.inflight.empty() && lo <= previous)) refuse("a range is wrong");
    segment.inflight.add(lo, hi);
    previous = hi;
  }
  return segment;
}

void parse_object(Checkpoint& checkpoint, std::string_view text) {
  auto parts = split(text, ':');
  if (parts.size() < 3 || parts.size() > 4) refuse("an object is wrong");
  ObjectState state;
  state.view = parse_hash(parts[1]);
  state.reading = parts[2] == "r";
  if (!state.reading && parts[2] != "d") refuse("an object's state is wrong");
  if (parts.size() == 4) state.cursor = percent_decode(parts[3]);
  checkpoint.objects.emplace(percent_decode(parts[0]), std::move(state));
}

std::string encode_segments(const std::vector<Segment>& segments) {
  std::string out;
  for (const Segment& segment : segments) {
    if (!out.empty()) out += ';';
    out += std::to_string(segment.bound);
    char separator = ':';
    for (const XidRange& range : segment.inflight.ranges()) {
      out += separator + std::to_string(range.lo) + '-' + std::to_string(range.hi);
      separator = ',';
    }
  }
  return out;
}

std::string encode_objects(const Checkpoint& checkpoint) {
  std::string out;
  for (const auto& [name, state] : checkpoint.objects) {
    if (!out.empty()) out += ';';
    out += percent_encode(name) + ':' + to_hex64(state.view) + (state.reading ? ":r" : ":d");
    if (state.reading && state.cursor) out += ':' + percent_encode(*state.cursor);
  }
  return out;
}

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  std::string out = "os1." + checkpoint.epoch + '.' + std::to_string(checkpoint.timeline) + '.' +
                    std::to_string(checkpoint.lsn) + '.';
  if (checkpoint.anchor) {
    out += std::to_string(checkpoint.anchor->sequence) + '-' + to_hex64(checkpoint.anchor->hash);
  }
  out += '.' + encode_segments(checkpoint.segments) + '.' + to_hex64(checkpoint.schema) + '.' +
         encode_objects(checkpoint);
  return out + '.' + to_hex64(fnv1a64(out));
}

std::optional<Checkpoint> decode_checkpoint(std::string_view text, std::size_t bytes_max) {
  if (text == "0") return std::nullopt;
  if (text.size() > bytes_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "the checkpoint is too long",
                        std::to_string(text.size()) + " bytes, at most " +
                            std::to_string(bytes_max) + " are accepted.");
  }
  auto parts = split(text, '.');
  if (parts.size() != 9 || parts[0] != "os1") refuse("it has another form");
  if (parse_hash(parts[8]) != fnv1a64(text.substr(0, text.size() - 17))) {
    refuse("it was edited or cut off");
  }
  Checkpoint checkpoint;
  checkpoint.epoch = parts[1];
  if (!is_epoch(parts[1])) refuse("the epoch is wrong");
  checkpoint.timeline = parse_decimal<std::uint32_t>(parts[2]);
  checkpoint.lsn = parse_decimal<std::uint64_t>(parts[3]);
  if (!parts[4].empty()) {
    auto anchor = split(parts[4], '-');
    if (anchor.size() != 2) refuse("the anchor is wrong");
    checkpoint.anchor = Anchor{parse_decimal<std::int64_t>(anchor[0]), parse_hash(anchor[1])};
  }
  if (!parts[5].empty()) {
    for (std::string_view segment : split(parts[5], ';')) {
      Segment next = parse_segment(segment);
      if (!checkpoint.segments.empty() && next.bound <= checkpoint.last_bound()) {
        refuse("its segments are out of order");
      }
      checkpoint.segments.push_back(std::move(next));
    }
  }
  checkpoint.schema = parse_hash(parts[6]);
  if (!parts[7].empty()) {
    for (std::string_view object : split(parts[7], ';')) parse_object(checkpoint, object);
  }
  if (encode_checkpoint(checkpoint) != text) refuse("it is not in its one written form");
  return checkpoint;
}

}  // namespace objectos
