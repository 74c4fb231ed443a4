#include "pg_ext/text_log.h"

#include <limits>

#include "protocol/text_operation_json.h"

namespace objectos::server {

namespace {

// The operation before the first one that is wanted comes along without its text. Index lookups,
// one after the other, whatever the statistics say (OFFSET 0).
constexpr const char* read_sql = R"(
SELECT u.place, o.revision, o.client_id, o.mutation_id,
       CASE WHEN o.revision > u.after THEN o.operation END
  FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4))
       WITH ORDINALITY AS u(record_id, field, after, place)
 CROSS JOIN LATERAL (
   SELECT t.revision, t.client_id, t.mutation_id, t.operation FROM objectos_sync.text_ops t
    WHERE t.object = $1 AND t.record_id = u.record_id AND t.field = u.field::smallint
      AND t.revision >= coalesce((
        SELECT max(p.revision) FROM objectos_sync.text_ops p
         WHERE p.object = $1 AND p.record_id = u.record_id AND p.field = u.field::smallint
           AND p.revision <= u.after), 0)
    ORDER BY t.revision LIMIT $5 OFFSET 0) o)";

}  // namespace

std::vector<std::vector<TextRevision>> read_text_log(Spi& spi, const std::string& object,
                                                     const std::vector<TextLogQuery>& queries,
                                                     Access access, std::int64_t most) {
  std::vector<std::vector<TextRevision>> found(queries.size());
  if (queries.empty()) return found;
  std::vector<std::optional<std::string>> ids;
  std::vector<std::int64_t> fields, after;
  for (const TextLogQuery& query : queries) {
    ids.emplace_back(query.record_id);
    fields.push_back(query.field);
    after.push_back(query.after);
  }
  as_owner([&] {
    const std::int64_t limit = most == 0 ? std::numeric_limits<std::int64_t>::max() : most + 1;
    Rows rows = spi.execute(
        read_sql,
        {Param::text(object), Param::text_array(std::move(ids)),
         Param::int8_array(std::move(fields)), Param::int8_array(after), Param::int8(limit)},
        access);
    std::vector<std::int64_t> since(queries.size(), 0);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (row % 1000 == 999) check_interrupts();
      const auto place = static_cast<std::size_t>(*rows.int8(row, 0) - 1);
      TextRevision one;
      one.since = since[place];
      one.revision = since[place] = rows.int8(row, 1).value_or(0);
      if (one.revision <= after[place]) continue;
      one.client = rows.text_or(row, 2, "");
      one.mutation = rows.text_or(row, 3, "");
      const auto operation = rows.text(row, 4);
      one.composed = !operation;
      if (operation) one.operation = parse_text_operation(*operation);
      found[place].push_back(std::move(one));
    }
    rows.release();
  });
  return found;
}

}  // namespace objectos::server
