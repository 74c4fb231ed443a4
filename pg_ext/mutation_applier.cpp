#include "pg_ext/mutation_applier.h"

#include <algorithm>

#include "pg_ext/json_form.h"
#include "pg_ext/jsonb_form.h"
#include "pg_ext/sequence_block.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

using Inputs = std::vector<std::optional<std::string>>;

const ColumnInfo& column_of(const ObjectInfo& info, const std::string& name) {
  const ColumnInfo* column = info.column(name);
  if (column != nullptr) return *column;
  throw ProtocolError(ErrorCode::invalid_mutation, "there is no column " + name, {},
                      "Migrate the client to the present sync_schema().", name);
}

bool inserts(const Decision& decision) {
  return decision.action == Action::insert || decision.action == Action::reinsert;
}

// The columns that are written. All writes of a run have the same ones.
std::vector<const ColumnInfo*> written_columns(const Write& write) {
  std::vector<const ColumnInfo*> columns;
  if (write.decision->action == Action::remove) return columns;
  for (const auto& [name, form] : write.decision->write) {
    const ColumnInfo& column = column_of(write.record->object->info, name);
    if (!inserts(*write.decision) || !column.generated) columns.push_back(&column);
  }
  return columns;
}

// The statement's source of rows: one array for each value, side by side. An element has its
// column's type already. Arrays cannot be elements of arrays, and unnest() takes composites apart:
// those come as text.
class Source {
 public:
  // The expression for it: u.v1, u.v2, …
  std::string add(Oid type, Inputs inputs) {
    const bool nests =
        pg_call([&] { return get_array_type(type) == InvalidOid || type_is_rowtype(type); });
    const std::string column = add(nests ? Param::text_array(std::move(inputs))
                                         : Param::array_of(type, std::move(inputs)));
    if (!nests) return column;
    const char* name = pg_call([&] {
      return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    });
    return column + "::" + name;
  }
  std::string add(Param array) {
    params_.push_back(std::move(array));
    const std::string number = std::to_string(params_.size());
    arrays_ +=
        (params_.size() > 1 ? ", pg_catalog.unnest($" : "pg_catalog.unnest($") + number + ")";
    names_ += "v" + number + ", ";
    return "u.v" + number;
  }
  std::string sql() const {
    return "ROWS FROM (" + arrays_ + ") WITH ORDINALITY AS u(" + names_ + "place)";
  }
  const Params& params() const noexcept { return params_; }

 private:
  Params params_;
  std::string arrays_, names_;
};

std::string add_values(Source& source, const std::vector<Write>& run, const ColumnInfo& column) {
  Inputs inputs;
  inputs.reserve(run.size());
  for (const Write& write : run) {
    inputs.push_back(input_text(column, write.decision->write.find(column.name)->second));
  }
  return source.add(column.type, std::move(inputs));
}

// Input functions may ask the session's settings (array_nulls, lc_monetary): the values are made
// under those they were judged by, while triggers and policies run under the caller's.
Params made_values(const Source& source, const std::vector<Write>& run) {
  bool direct = true;
  for (const ColumnInfo* column : written_columns(run.front()))
    direct = direct && column->type == column->base_type && has_direct_form(column->type);
  if (direct) return source.params();
  return as_pinned([&] { return Spi::ready(source.params()); });
}

// Arrays are cast in the statement, for no array holds them: a NULL in them is one meanwhile, also
// in a session that takes it for a word.
class NullsInArrays {
 public:
  NullsInArrays() { Array_nulls = true; }
  ~NullsInArrays() { Array_nulls = before_; }
  NullsInArrays(const NullsInArrays&) = delete;
  NullsInArrays& operator=(const NullsInArrays&) = delete;

 private:
  const bool before_ = Array_nulls;
};

// Locked rows stay where they are until their own update, so they are found without the index.
bool by_place(const std::vector<Write>& run) {
  return std::none_of(run.begin(), run.end(),
                      [](const Write& write) { return write.record->ctid.empty(); });
}

// t.ctid = u.v1, or t."key" = u.v1 AND …
std::string place(Source& source, const std::vector<Write>& run) {
  const ObjectInfo& info = run.front().record->object->info;
  if (by_place(run)) {
    Inputs places;
    for (const Write& write : run) places.emplace_back(write.record->ctid);
    return "t.ctid OPERATOR(pg_catalog.=) " + source.add(TIDOID, std::move(places)) + " AND ";
  }
  std::string sql;
  for (std::size_t k = 0; k < info.key.size(); ++k) {
    const ColumnInfo& key = info.columns[info.key[k]];
    Inputs inputs;
    for (const Write& write : run) inputs.emplace_back(write.record->key_texts[k]);
    sql += "t." + key.quoted + " " + key.equals + " " + source.add(key.type, std::move(inputs)) +
           " AND ";
  }
  return sql;
}

// The row, if it still has the version that was read.
std::string identity(Source& source, const std::vector<Write>& run) {
  std::string sql = place(source, run);
  std::vector<std::int64_t> versions;
  for (const Write& write : run) versions.push_back(write.record->server.version);
  return sql + "t.\"_version\" OPERATOR(pg_catalog.=) " +
         source.add(Param::int8_array(std::move(versions)));
}

std::string insert_statement(Source& source, const std::vector<Write>& run) {
  const ObjectInfo& info = run.front().record->object->info;
  std::string names, values;
  bool identity_sent = false;
  for (const ColumnInfo* column : written_columns(run.front())) {
    identity_sent |= column->identity == 'a';
    const char* comma = names.empty() ? "" : ", ";
    names += comma + column->quoted;
    values += comma + add_values(source, run, *column);
  }
  return "INSERT INTO " + info.qualified + " (" + names + ")" +
         (identity_sent ? " OVERRIDING SYSTEM VALUE" : "") + " SELECT " + values + " FROM " +
         source.sql();  // a function scan keeps the order
}

std::string update_statement(Source& source, const std::vector<Write>& run) {
  const ObjectInfo& info = run.front().record->object->info;
  std::string sets;
  for (const ColumnInfo* column : written_columns(run.front())) {
    sets += (sets.empty() ? "" : ", ") + column->quoted + " = " + add_values(source, run, *column);
  }
  const std::string match = identity(source, run);
  return "UPDATE " + info.qualified + " AS t SET " + sets + " FROM " + source.sql() + " WHERE " +
         match + " RETURNING u.place";
}

std::string delete_statement(Source& source, const std::vector<Write>& run) {
  const std::string match = identity(source, run);
  return "DELETE FROM " + run.front().record->object->info.qualified + " AS t USING " +
         source.sql() + " WHERE " + match + " RETURNING u.place";
}

// The first of so many versions above the row's, which is locked, and below the one that it gets.
std::int64_t draw_versions(std::int64_t count) {
  if (count == 0) return 0;
  const Oid versions = internal_relation("version_seq");
  return pg_call([&] {
    GetTopFullTransactionId();
    return draw_sequence_block(versions, count);
  });
}

std::vector<AppliedLink> links_of(const PushedMutation& mutation) {
  std::vector<AppliedLink> links;
  if (!mutation.captured) return links;
  for (const PushedLink& link : mutation.links)
    links.push_back({link.sequence, link.version, link.seal});
  return links;
}

PushedMutation pushed(const Write& write) {
  PushedMutation mutation;
  // The name under which capture will meet the row.
  const bool found = !inserts(*write.decision) && !write.record->stored_id.empty();
  mutation.record_id = found ? write.record->stored_id : write.record->record_id;
  mutation.mutation_id = write.item->entry->id;
  mutation.client_sequence = write.item->entry->client_sequence;
  // An update that brings a record back is not stored as it was sent: the client's own row is gone.
  mutation.operation = write.decision->action == Action::insert     ? "insert"
                       : write.decision->action == Action::reinsert ? "reinsert"
                       : write.decision->action == Action::update   ? "update"
                                                                    : "delete";
  mutation.sent = &write.item->edit.data;
  if (!write.item->committed.empty()) mutation.texts = &write.item->committed;
  std::int64_t version = draw_versions(static_cast<std::int64_t>(write.links.size()));
  for (const PushItem* const link : write.links) {
    mutation.links.push_back(
        {link->entry->id, link->entry->client_sequence, &link->committed, version++, 0, {}});
  }
  return mutation;
}

// Which of the run were hit: an insert says how many, the others say which.
std::vector<char> hits(Rows& rows, const std::vector<Write>& run) {
  std::vector<char> hit(run.size(), 0);
  if (rows.affected() == run.size()) {
    hit.assign(run.size(), 1);
  } else if (!inserts(*run.front().decision)) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      hit[static_cast<std::size_t>(*rows.int8(row, 0) - 1)] = 1;
    }
  } else if (run.size() > 1) {
    throw RunUnclear{};
  }
  rows.release();
  return hit;
}

}  // namespace

bool same_statement(const Write& one, const Write& other) {
  const Decision &a = *one.decision, &b = *other.decision;
  if (one.record->object != other.record->object || a.action != b.action) return false;
  if (a.action == Action::remove) return true;
  if (a.write.size() != b.write.size()) return false;
  for (auto i = a.write.begin(), j = b.write.begin(); i != a.write.end(); ++i, ++j) {
    if (i->first != j->first) return false;
  }
  return true;
}

std::vector<Applied> apply(Spi& spi, const PushAuthor& author, const std::vector<Write>& run) {
  Source source;
  std::string sql;
  switch (run.front().decision->action) {
    case Action::none:
      return std::vector<Applied>(run.size());
    case Action::insert:
    case Action::reinsert:
      sql = insert_statement(source, run);
      break;
    case Action::update:
      sql = update_statement(source, run);
      break;
    case Action::remove:
      sql = delete_statement(source, run);
      break;
  }
  PushScope scope;
  scope.relid = run.front().record->object->info.relid;
  scope.client_id = author.client_id;
  scope.user_id = author.user_id;
  scope.device = author.device;
  scope.seal = author.seal;
  for (const Write& write : run) scope.mutations.push_back(pushed(write));
  const Params values = made_values(source, run);
  const NullsInArrays nulls;
  Rows rows = with_push_scope(scope, [&] { return spi.execute_by_key(sql, values); });
  const std::vector<char> hit = hits(rows, run);
  std::vector<Applied> applied;
  for (std::size_t i = 0; i < run.size(); ++i) {
    const PushedMutation& outcome = scope.mutations[i];
    applied.push_back({hit[i] != 0, outcome.captured, outcome.texts_moved, outcome.sequence,
                       outcome.version, outcome.seal, links_of(outcome)});
  }
  return applied;
}

std::string object_text(const FieldValues& values) {
  std::string out = "{";
  for (const auto& [name, value] : values) {
    if (out.size() > 1) out += ',';
    append_json_string(out, name);
    out += ':';
    out += value;
  }
  return out + "}";
}

}  // namespace objectos::server
