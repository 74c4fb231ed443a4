#include "transport/answer_rows.h"

#include <cstdlib>

#include "objectos/error.h"

namespace objectos {

std::optional<std::string> text_at(const PGresult* r, int row, int column) {
  if (PQgetisnull(r, row, column) != 0) return std::nullopt;
  return std::string(PQgetvalue(r, row, column),
                     static_cast<std::size_t>(PQgetlength(r, row, column)));
}

std::optional<std::int64_t> number_at(const PGresult* r, int row, int column) {
  if (PQgetisnull(r, row, column) != 0) return std::nullopt;
  return std::strtoll(PQgetvalue(r, row, column), nullptr, 10);
}

bool true_at(const PGresult* r, int row, int column) {
  return PQgetisnull(r, row, column) == 0 && PQgetvalue(r, row, column)[0] == 't';
}

VerdictRow verdict_at(const PGresult* r, int row) {
  VerdictRow verdict;
  verdict.mutation_id = text_at(r, row, 0).value_or("");
  verdict.status = text_at(r, row, 1).value_or("");
  verdict.duplicate = true_at(r, row, 2);
  verdict.version = number_at(r, row, 3);
  verdict.sequence = number_at(r, row, 4);
  verdict.reason = text_at(r, row, 5);
  verdict.resolution = text_at(r, row, 6);
  verdict.server_version = number_at(r, row, 7);
  verdict.client_version = number_at(r, row, 8);
  verdict.detail = text_at(r, row, 9);
  return verdict;
}

std::string_view view_at(const PGresult* r, int row, int column) {
  return {PQgetvalue(r, row, column), static_cast<std::size_t>(PQgetlength(r, row, column))};
}

Digest digest_at(const PGresult* r, int row, int column) {
  if (const auto digest = parse_digest(view_at(r, row, column))) return *digest;
  throw Error(ErrorClass::upgrade, "unexpected_answer",
              "The server gave a digest this version does not know.");
}

// Two columns: records, digest.
BucketSum sum_at(const PGresult* r, int row, int column) {
  return {number_at(r, row, column).value_or(0), digest_at(r, row, column + 1)};
}

HistoryEntry history_at(const PGresult* r, int row) {
  HistoryEntry entry;
  entry.sequence = number_at(r, row, 0).value_or(0);
  entry.version = number_at(r, row, 1);
  std::string* const texts[] = {&entry.operation, &entry.user_id,     &entry.client_id,
                                &entry.device,    &entry.mutation_id, &entry.timestamp,
                                &entry.data,      &entry.original};
  int column = 2;
  for (std::string* text : texts) *text = text_at(r, row, column++).value_or("");
  return entry;
}

namespace {

class PgPage final : public PullPage {
 public:
  explicit PgPage(PgResult result) : result_(std::move(result)) {}
  std::size_t size() const override { return static_cast<std::size_t>(PQntuples(result_.get())); }
  PullRow row(std::size_t index) const override {
    const PGresult* r = result_.get();
    const int at = static_cast<int>(index);
    PullRow row;
    row.kind = view_at(r, at, 0);
    row.id = view_at(r, at, 1);
    row.object = view_at(r, at, 2);
    row.record_id = view_at(r, at, 3);
    row.operation = view_at(r, at, 4);
    row.data = view_at(r, at, 5);
    row.version = number_at(r, at, 6);
    row.tag = view_at(r, at, 7);
    row.checkpoint = view_at(r, at, 8);
    row.has_more = true_at(r, at, 9);
    return row;
  }

 private:
  PgResult result_;
};

}  // namespace

std::unique_ptr<PullPage> page_of_rows(PgResult result) {
  return std::make_unique<PgPage>(std::move(result));
}

}  // namespace objectos
