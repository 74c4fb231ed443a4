// Exact sums: they commute, differences undo them, and order agrees. Two texts, one a line.
#include "protocol/decimal.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(decimal) {
  fuzz::Bytes bytes(input);
  const std::string_view a = bytes.until('\n'), b = bytes.until('\n');
  const auto sum = decimal_sum(a, b), mirrored = decimal_sum(b, a);
  require(sum == mirrored, "a sum commutes");
  const auto difference = decimal_difference(a, b);
  const auto order = decimal_compare(a, b), reversed = decimal_compare(b, a);
  require(sum.has_value() == difference.has_value() && sum.has_value() == order.has_value(),
          "both are numbers, or nothing can be told");
  if (!sum) return;
  require(sum->size() <= a.size() + b.size() + 2, "a sum is hardly longer than both");
  require((*order > 0) == (*reversed < 0) && (*order == 0) == (*reversed == 0), "order is order");
  require(decimal_compare(*decimal_difference(*sum, b), a) == 0, "a + b - b is a");
  require(decimal_compare(*decimal_sum(*difference, b), a) == 0, "a - b + b is a");
  require((decimal_compare(*difference, "0") > 0) == (*order > 0), "a - b has the sign of order");
  require(decimal_sum(*sum, "0") == sum, "a sum is in its written form");
}
