// docs/operational_transform.md, Diff.
//
// After E. W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): for each number d
// of differences and each diagonal, how far a path with d differences gets.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "protocol/code_points.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/operational_transform.h"

namespace objectos::ot {

namespace {

// Characters of `before` from `x` on that are replaced by those of `after` from `y` on.
struct Hunk {
  std::size_t x, x_length, y, y_length;
};

bool inside_point(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first -
      a.begin());
  while (same > 0 && (inside_point(a, same) || inside_point(b, same))) --same;
  return same;
}

std::size_t common_suffix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = static_cast<std::size_t>(
      std::mismatch(a.rbegin(), a.rbegin() + static_cast<std::ptrdiff_t>(most), b.rbegin()).first -
      a.rbegin());
  // The suffix begins with its first whole code point; its bytes are the same in both.
  while (same > 0 && inside_point(a, a.size() - same)) --same;
  return same;
}

// Myers' search, a window at a time: from where the one before ended, row d holds the furthest x of
// each diagonal -d, -d + 2, … d. After some of them the path that got furthest is taken, and the
// search begins anew at its end. So the work is that of the window for each of its differences, not
// that of all differences for each of them.
template <typename Text>
class Search {
 public:
  Search(const Text& before, const Text& after)
      : before_(before),
        after_(after),
        steps_left_(4 * (before.size() + after.size()) + limits::text_diff_steps_max) {}

  std::vector<Hunk> hunks() {
    while (!at_end(x_, y_)) {
      if (!search_window()) {  // the effort is spent
        add({x_, before_.size() - x_, y_, after_.size() - y_});
        break;
      }
    }
    return std::move(hunks_);
  }

 private:
  static constexpr std::size_t window_max = 128;

  bool at_end(std::size_t x, std::size_t y) const {
    return x == before_.size() && y == after_.size();
  }
  static std::size_t first_of(std::size_t d) { return d * (d + 1) / 2; }
  std::size_t at(std::size_t d, std::size_t i) const { return rows_[first_of(d) + i]; }
  // Of diagonal i of row d: y where x is given.
  std::size_t y_of(std::size_t d, std::size_t i, std::size_t x) const {
    return x - x_ + y_ + d - 2 * i;
  }

  // Whether the path comes to diagonal i of row d by an inserted character; by a deleted one
  // otherwise.
  bool inserts(std::size_t d, std::size_t i) const {
    return i == 0 || (i != d && at(d - 1, i - 1) < at(d - 1, i));
  }
  std::size_t begin_of(std::size_t d, std::size_t i) const {
    if (d == 0) return x_;
    return inserts(d, i) ? at(d - 1, i) : at(d - 1, i - 1) + 1;
  }
  std::size_t follow(std::size_t x, std::size_t y) const {
    while (x < before_.size() && y < after_.size() && before_[x] == after_[y]) {
      ++x;
      ++y;
    }
    return x;
  }

  // Goes on by one window; false if the effort does not suffice.
  bool search_window() {
    for (std::size_t d = 0;; ++d) {
      rows_.resize(first_of(d) + d + 1);
      std::size_t best = 0, furthest = 0;
      for (std::size_t i = 0; i <= d; ++i) {
        const std::size_t x = begin_of(d, i), end = follow(x, y_of(d, i, x));
        rows_[first_of(d) + i] = static_cast<std::uint32_t>(end);
        if (end - x + 1 > steps_left_) return false;
        steps_left_ -= end - x + 1;
        const std::size_t y = y_of(d, i, end);
        if (end > before_.size() || y > after_.size()) continue;  // beside both texts
        if (end + y >= furthest) {
          furthest = end + y;
          best = i;
        }
      }
      const std::size_t x = at(d, best), y = y_of(d, best, x);
      if (at_end(x, y) || d == window_max) {
        take_path(d, best);
        x_ = x;
        y_ = y;
        return true;
      }
    }
  }

  // The differences of the path that ended in diagonal i of row d.
  void take_path(std::size_t d, std::size_t i) {
    std::vector<Hunk> last_first;
    for (; d > 0; --d) {
      const bool inserted = inserts(d, i);
      const std::size_t x = begin_of(d, i), y = y_of(d, i, x);  // after the difference
      last_first.push_back(inserted ? Hunk{x, 0, y - 1, 1} : Hunk{x - 1, 1, y, 0});
      if (!inserted) --i;
    }
    for (auto hunk = last_first.rbegin(); hunk != last_first.rend(); ++hunk) add(*hunk);
  }

  void add(const Hunk& next) {
    if (!hunks_.empty()) {
      Hunk& last = hunks_.back();
      if (last.x + last.x_length == next.x && last.y + last.y_length == next.y) {
        last.x_length += next.x_length;
        last.y_length += next.y_length;
        return;
      }
    }
    hunks_.push_back(next);
  }

  const Text& before_;
  const Text& after_;
  std::size_t steps_left_;
  std::size_t x_ = 0, y_ = 0;  // where the window begins
  std::vector<std::uint32_t> rows_;
  std::vector<Hunk> hunks_;
};

// A few characters in common between two hunks that replace more than that are chance: a sentence
// that was written anew is replaced as one, not letter by letter around the vowels. What is only
// inserted or only deleted beside them makes no chance.
std::vector<Hunk> without_chance(const std::vector<Hunk>& hunks) {
  constexpr std::size_t chance_max = 8;
  std::vector<Hunk> kept;
  for (Hunk hunk : hunks) {
    while (!kept.empty()) {
      const Hunk& last = kept.back();
      const std::size_t common = hunk.x - (last.x + last.x_length);
      if (common > chance_max || common >= last.x_length + hunk.x_length ||
          common >= last.y_length + hunk.y_length)
        break;
      hunk = {last.x, hunk.x + hunk.x_length - last.x, last.y, hunk.y + hunk.y_length - last.y};
      kept.pop_back();
    }
    kept.push_back(hunk);
  }
  return kept;
}

std::u32string points_of(std::string_view text) {
  std::u32string points;
  points.reserve(count_points(text));
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    // Equal code points have equal bytes, and only equality is asked for.
    char32_t point = 0;
    for (std::size_t k = 0; k < length; ++k)
      point = point << 8 | static_cast<unsigned char>(text[i + k]);
    points += point;
    i += length;
  }
  return points;
}

// In code points. `before` and `after` have neither end in common.
std::vector<Hunk> hunks_of(std::string_view before, std::string_view after, std::size_t before_size,
                           std::size_t after_size) {
  const bool is_ascii = before.size() == before_size && after.size() == after_size;
  if (before_size == 0 || after_size == 0 ||
      (!is_ascii && before.size() + after.size() > limits::text_diff_bytes_max))
    return {{0, before_size, 0, after_size}};
  if (is_ascii) return without_chance(Search(before, after).hunks());
  const std::u32string old_points = points_of(before), new_points = points_of(after);
  return without_chance(Search(old_points, new_points).hunks());
}

}  // namespace

TextOperation diff(std::string_view before, std::string_view after) {
  require_valid_text(before, "the text before");
  require_valid_text(after, "the text after");
  const std::size_t prefix = common_prefix(before, after);
  const std::string_view same = before.substr(0, prefix);
  before.remove_prefix(prefix);
  after.remove_prefix(prefix);
  const std::size_t suffix = common_suffix(before, after);
  before.remove_suffix(suffix);
  after.remove_suffix(suffix);
  TextOperationBuilder builder;
  if (before.empty() && after.empty()) return builder.build();
  builder.keep(count_points(same));
  std::size_t x = 0, y = 0;
  for (const Hunk& hunk : hunks_of(before, after, count_points(before), count_points(after))) {
    builder.keep(hunk.x - x).erase(hunk.x_length);
    after.remove_prefix(points_offset(after, hunk.y - y).bytes);
    const std::size_t bytes = points_offset(after, hunk.y_length).bytes;
    builder.insert_valid(after.substr(0, bytes), hunk.y_length);
    after.remove_prefix(bytes);
    x = hunk.x + hunk.x_length;
    y = hunk.y + hunk.y_length;
  }
  return builder.build();
}

}  // namespace objectos::ot
