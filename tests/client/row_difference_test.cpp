// What a live query says about two results.
#include "engine/row_difference.h"

#include <doctest/doctest.h>

using namespace objectos;

namespace {

const std::vector<Row> kBefore = {{1, "Ada"}, {2, "Grace"}, {3, "Jean"}};

}  // namespace

TEST_CASE("rows with a key are added, removed or changed") {
  const std::vector<Row> after = {{4, "Barbara"}, {2, "Grace H."}, {3, "Jean"}};
  const RowDifference found = row_difference(kBefore, after, {0});
  CHECK(found.added == std::vector<Row>{{4, "Barbara"}});
  CHECK(found.removed == std::vector<Row>{{1, "Ada"}});
  REQUIRE(found.changed.size() == 1);
  CHECK(found.changed[0].before == Row{2, "Grace"});
  CHECK(found.changed[0].after == Row{2, "Grace H."});
}

TEST_CASE("rows without a key are compared whole, as often as they occur") {
  const std::vector<Row> before = {{"a"}, {"a"}, {"b"}};
  const std::vector<Row> after = {{"a"}, {"b"}, {"b"}, {"c"}};
  const RowDifference found = row_difference(before, after, {});
  CHECK(found.added == std::vector<Row>{{"b"}, {"c"}});
  CHECK(found.removed == std::vector<Row>{{"a"}});
  CHECK(found.changed.empty());
}

TEST_CASE("a key that two rows share names nothing, so whole rows are compared") {
  const std::vector<Row> after = {{1, "Ada"}, {1, "Ada's twin"}, {2, "Grace"}, {3, "Jean"}};
  for (const RowDifference& found :
       {row_difference(kBefore, after, {0}), row_difference(after, kBefore, {0})}) {
    CHECK(found.added.size() + found.removed.size() == 1);
    CHECK(found.changed.empty());
  }
}

TEST_CASE("NULL, zero, 0.0, '0', empty text and empty blob are six values") {
  const std::vector<Row> values = {{nullptr}, {0}, {0.0}, {"0"}, {""}, {Blob{}}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      const RowDifference found = row_difference({values[i]}, {values[j]}, {});
      CHECK(found.added.empty() == (i == j));
    }
  }
  const RowDifference moved = row_difference({{"a", "bc"}}, {{"ab", "c"}}, {});
  CHECK(moved.added.size() == 1);
}
