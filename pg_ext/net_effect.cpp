#include "pg_ext/net_effect.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include "pg_ext/record_reader.h"
#include "pg_ext/text_log.h"
#include "protocol/limits.h"
#include "protocol/text_steps.h"

namespace objectos::server {
namespace {

// What a page knows of one record.
struct RecordEffect {
  std::string record_id;
  const LogRow* newest = nullptr;  // by version; a delete after an update of the same version
  const LogRow* latest = nullptr;  // by sequence: the effect's place in the page
  std::vector<std::string> fields;
  std::map<std::string, std::int64_t> texts;  // of fields that merge text: the first version
  std::int64_t first = 0;                     // the lowest version that was examined
  bool changed = false;                       // an insert, update or delete was examined
  bool whole = false;                         // something else than updates was examined
  bool deleted = false;                       // a delete was examined
  bool decided = false;   // whether the client's filter wants it may have changed
  bool own_exact = true;  // all examined rows are this client's, stored as sent, confirmed
  bool conflict = false;  // a conflict of it was opened or ended
  bool named = false;     // its id is one of the present key
  std::vector<const LogRow*> own;
  bool found = false;
  bool absorb = false;
  RecordRow row;
};

struct ObjectEffects {
  const ObjectView* view = nullptr;
  std::vector<RecordEffect> records;
  std::unordered_map<std::string, std::size_t> places;
  std::vector<const LogRow*> truncates;
};

bool is_own(const LogRow& row, const PullClient& client) {
  return row.client_sequence && row.client_id == client.client_id;
}

bool comes_after(const LogRow& a, const LogRow& b) {
  if (a.version != b.version) return a.version > b.version;
  if ((a.operation == "delete") != (b.operation == "delete")) return a.operation == "delete";
  return a.sequence > b.sequence;
}

bool merges_text(const ObjectInfo& info, const std::string& field) {
  const ColumnInfo* const column = info.column(field);
  return column != nullptr && column->merges_text;
}

// `outdated`: the object was read again whole since, so the row tells only the own client that its
// mutation has arrived.
void fold(RecordEffect& effect, const LogRow& row, const ObjectView* view, const PullClient& client,
          bool outdated) {
  if (!effect.latest || row.sequence > effect.latest->sequence) effect.latest = &row;
  if (row.operation == "conflict") {
    effect.conflict = true;
    return;
  }
  if (outdated) {
    if (is_own(row, client)) effect.own.push_back(&row);
    effect.own_exact = false;
    return;
  }
  effect.first = effect.changed ? std::min(effect.first, row.version) : row.version;
  effect.changed = true;
  if (!effect.newest || comes_after(row, *effect.newest)) effect.newest = &row;
  if (row.operation == "update") {
    for (const std::string& field : row.fields) {
      if (std::find(effect.fields.begin(), effect.fields.end(), field) == effect.fields.end()) {
        effect.fields.push_back(field);
      }
      if (view && view->decides(field)) effect.whole = effect.decided = true;
      if (view && view->info.has_texts && merges_text(view->info, field)) {
        const auto [text, added] = effect.texts.emplace(field, row.version);
        if (!added) text->second = std::min(text->second, row.version);
      }
    }
  } else {
    effect.whole = true;
    if (row.operation == "delete") effect.deleted = true;
    if (row.operation == "touch") effect.decided = true;
  }
  const bool own = is_own(row, client);
  if (own) effect.own.push_back(&row);
  if (!own || !row.exact || *row.client_sequence > client.confirmed) effect.own_exact = false;
}

std::map<std::string, ObjectEffects> fold_all(const std::vector<LogRow>& examined, const View& view,
                                              const PullClient& client) {
  std::map<std::string, ObjectEffects> objects;
  for (const LogRow& row : examined) {
    const auto [named, unseen] = objects.try_emplace(row.object);
    ObjectEffects& object = named->second;
    if (unseen) object.view = view.find(row.object);
    const ObjectInfo* const info = object.view ? &object.view->info : nullptr;
    const bool outdated = info && row.sequence <= info->reshaped_at;
    if (row.operation == "schema") continue;  // its reading is done by the view's fingerprint
    if (row.operation == "truncate") {
      if (!outdated) object.truncates.push_back(&row);
      continue;
    }
    if (row.operation == "touch" && row.record_id.empty()) continue;  // touched_records.h
    const auto [place, added] = object.places.emplace(row.record_id, object.records.size());
    if (added) {
      object.records.emplace_back();
      object.records.back().record_id = row.record_id;
    }
    RecordEffect& effect = object.records[place->second];
    fold(effect, row, object.view, client, outdated);
    if (info && row.sequence > info->rekeyed_at) effect.named = true;
  }
  return objects;
}

void append_member(std::string& object, const std::string& name, const std::string& value) {
  object.pop_back();
  if (object.size() > 1) object += ',';
  append_json_string(object, name);
  object += ':' + value + '}';
}

// The steps from the first change that was examined to the row's version; nothing if there are not
// all of them, or one that no client could take.
std::optional<std::string> steps_of(const std::vector<TextRevision>& log, std::int64_t first,
                                    const RecordRow& row, const PullClient& client) {
  if (log.empty() || log.front().revision != first) return std::nullopt;
  const auto steps = text_steps({row.version, log}, client.client_id, log.front().since);
  if (!steps || steps->empty()) return std::nullopt;
  return write_json(encode_text_steps(*steps));
}

// Puts the changed texts of the rows that are sent in parts into them: as steps, or whole.
void add_texts(Spi& spi, ObjectEffects& object, const PullClient& client) {
  struct Place {
    RecordEffect* effect;
    const RecordRow::Text* text;
    std::int64_t first;
    bool examined;  // a change of the text; else one may come later
  };
  std::vector<TextLogQuery> queries;
  std::vector<Place> places;
  for (RecordEffect& effect : object.records) {
    for (const RecordRow::Text& text : effect.row.texts) {
      const auto first = effect.texts.find(text.column->name);
      const bool examined = first != effect.texts.end();
      const std::int64_t version = examined ? first->second : effect.first;
      queries.push_back({effect.record_id, text.column->attnum, version - 1});
      places.push_back({&effect, &text, version, examined});
    }
  }
  const auto logs = read_text_log(spi, object.view->info.object, queries, Access::read_only);
  for (std::size_t i = 0; i < places.size(); ++i) {
    RecordRow& row = places[i].effect->row;
    if (!places[i].examined && logs[i].empty()) continue;  // the text is what it was
    const std::int64_t first = places[i].examined ? places[i].first : logs[i].front().revision;
    const auto steps = steps_of(logs[i], first, row, client);
    append_member(row.data, places[i].text->column->name, steps ? *steps : places[i].text->value);
  }
}

// Reads the object's changed records, once; false once `bytes_left` are used up.
bool load(Spi& spi, ObjectEffects& object, const PullClient& client, std::size_t& bytes_left) {
  std::vector<std::string> ids;
  ids.reserve(object.records.size());
  for (const RecordEffect& effect : object.records)
    if (effect.named) ids.push_back(effect.record_id);
  const bool always_whole = object.view->info.row_security;
  std::optional<std::vector<std::string>> all_columns;
  if (object.view->info.has_texts && !always_whole) {
    all_columns.emplace();
    for (const ColumnInfo& column : object.view->info.columns) all_columns->push_back(column.name);
  }
  const FieldsOf fields = [&](const std::string& id,
                              std::int64_t version) -> const std::vector<std::string>* {
    const auto place = object.places.find(id);
    if (place == object.places.end()) return nullptr;
    RecordEffect& effect = object.records[place->second];
    const bool ahead = effect.newest && effect.newest->version != version;
    // What comes on later pages is in the row already. Its texts go as steps all the same, for the
    // difference of two texts says less than the edits that led from one to the other.
    if (ahead && all_columns && !effect.whole) return &*all_columns;
    if (always_whole || effect.whole || !effect.newest || ahead) {
      effect.whole = true;
      return nullptr;
    }
    return &effect.fields;
  };
  bool fits = true;
  read_records(spi, *object.view, ids, fields, [&](RecordRow&& row) {
    std::size_t bytes = row.data.size();
    for (const RecordRow::Text& text : row.texts) bytes += text.value.size();
    fits = bytes <= bytes_left;
    if (!fits) return false;
    bytes_left -= bytes;
    const auto place = object.places.find(row.record_id);
    if (place == object.places.end()) return true;
    RecordEffect& effect = object.records[place->second];
    effect.found = true;
    effect.row = std::move(row);
    return true;
  });
  if (fits && object.view->info.has_texts) add_texts(spi, object, client);
  return fits;
}

// A client may move its own mutation into the base image itself: the row in S is what it sent.
bool may_absorb(const RecordEffect& effect) {
  if (!effect.own_exact || effect.own.empty() || !effect.newest) return false;
  if (effect.newest->operation == "delete") return !effect.found;
  // What brings a record into the filter brings it to a file that may have let it go.
  if (effect.decided) return false;
  return effect.found && effect.row.version == effect.newest->version;
}

// Whether a record that is not there may still be on the server: the filter leaves it out, or it
// was only touched. What is wanted and was deleted in S, but not in what is examined, comes later.
bool may_be_unwanted(const ObjectEffects& object, const RecordEffect& effect) {
  return !object.view->filter.empty() || effect.newest->operation == "touch";
}

void append_record(const ObjectEffects& object, const std::string& name, const RecordEffect& effect,
                   const PullClient& client, PullRows& out) {
  const bool row_security = object.view->info.row_security;
  PullRow row;
  row.sequence = effect.latest->sequence;
  row.object = name;
  if (row_security) row.tag = record_tag(client, name, effect.record_id);
  if (!effect.found && row_security) {
    row.kind = "removal";
    out.push_back(std::move(row));
    return;
  }
  if (!effect.found && !effect.deleted && may_be_unwanted(object, effect)) {
    if (!effect.decided && effect.own.empty()) return;  // the client does not have it
    row.kind = "removal";
    row.record_id = effect.record_id;
    out.push_back(std::move(row));
    return;
  }
  row.kind = "mutation";
  row.id = effect.newest->id;
  row.record_id = effect.record_id;
  if (effect.found) {
    row.operation = effect.whole ? "insert" : "update";
    row.data = effect.row.data;
    row.version = effect.row.version;
    row.timestamp = effect.row.modified_at;
    row.user_id = effect.row.modified_by;
  } else {
    row.operation = "delete";
    row.version = effect.newest->version;
  }
  out.push_back(std::move(row));
}

std::string own_status(Spi& spi, const PullClient& client, const LogRow& row) {
  return as_owner([&] {
    Rows rows = spi.execute(
        "SELECT status FROM objectos_sync.verdicts WHERE client_id = $1 AND mutation_id = $2",
        {Param::text(client.client_id), Param::uuid(row.id)}, Access::read_only);
    std::string status = rows.empty() ? "applied" : rows.text_or(0, 0, "applied");
    rows.release();
    return status;
  });
}

void append_acknowledgement(Spi& spi, const std::string& name, const RecordEffect& effect,
                            const LogRow& own, const ObjectView* view, const PullClient& client,
                            PullRows& out) {
  PullRow row;
  row.kind = "acknowledgement";
  row.sequence = own.sequence;
  row.id = own.id;
  row.object = name;
  row.record_id = own.record_id;
  row.operation = own.operation;
  row.version = own.version;
  if (view && view->info.row_security) row.tag = record_tag(client, name, own.record_id);
  row.data = "{\"client_sequence\":" + std::to_string(*own.client_sequence) + ",\"status\":\"" +
             own_status(spi, client, own) + "\",\"whole\":" + (own.exact ? "true" : "false") +
             (effect.absorb ? ",\"absorb\":true}" : "}");
  out.push_back(std::move(row));
}

// The record's conflicts, of the columns the caller may read.
void append_conflicts(Spi& spi, const ObjectView& view, const RecordEffect& effect, PullRows& out) {
  std::vector<std::optional<std::string>> readable;
  for (const ColumnInfo& column : view.info.columns) {
    if (column.selectable) readable.emplace_back(column.name);
  }
  as_owner([&] {
    static const std::string part =
        "(SELECT pg_catalog.jsonb_object_agg(e.key, e.value) FROM pg_catalog.jsonb_each("
        "CASE pg_catalog.jsonb_typeof(c.#) WHEN 'object' THEN c.# END) AS e"
        " WHERE e.key = ANY ($3))";
    const auto of = [&](const char* column) {
      std::string text = part;
      for (std::size_t at; (at = text.find('#')) != std::string::npos;) {
        text.replace(at, 1, column);
      }
      return text;
    };
    const std::string sql =
        "SELECT c.conflict_id::text, pg_catalog.jsonb_build_object("
        "'conflict_id', c.conflict_id, 'mutation_id', c.mutation_id, 'object', c.object, "
        "'record_id', c.record_id, 'reason', c.reason, 'status', c.status, 'resolution', "
        "c.resolution, 'client_version', c.client_version, 'server_version', "
        "c.server_version, 'base', " +
        of("base") +
        ", 'conflicts', (SELECT "
        "COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('field', s.key, "
        "'client_value', c.client -> s.key, 'server_value', c.server -> s.key) ORDER BY "
        "s.key), '[]'::pg_catalog.jsonb) FROM (SELECT k.key FROM "
        "pg_catalog.jsonb_object_keys(COALESCE(CASE pg_catalog.jsonb_typeof(c.client) WHEN "
        "'object' THEN c.client END, '{}'::pg_catalog.jsonb)) AS k(key) WHERE k.key = ANY "
        "($3)) AS s))::text "
        "FROM objectos_sync.conflicts AS c WHERE c.object = $1 AND c.record_id = $2 "
        "ORDER BY c.opened_at, c.conflict_id";
    Rows rows = spi.execute(
        sql,
        {Param::text(view.info.object), Param::text(effect.record_id), Param::text_array(readable)},
        Access::read_only);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      PullRow row;
      row.kind = "conflict";
      row.sequence = effect.latest->sequence;
      row.id = rows.text(i, 0);
      row.object = view.info.object;
      row.record_id = effect.record_id;
      row.data = rows.text(i, 1);
      out.push_back(std::move(row));
    }
    rows.release();
  });
}

void append_truncate(const std::string& name, const LogRow& truncate, PullRows& out) {
  PullRow row;
  row.kind = "truncate";
  row.sequence = truncate.sequence;
  row.object = name;
  row.version = truncate.version;
  out.push_back(std::move(row));
}

void append_object(Spi& spi, const std::string& name, ObjectEffects& object,
                   const PullClient& client, PullRows& out) {
  if (object.view) {
    for (const LogRow* truncate : object.truncates) append_truncate(name, *truncate, out);
  }
  for (RecordEffect& effect : object.records) {
    effect.absorb = object.view && may_absorb(effect);
    for (const LogRow* own : effect.own) {
      append_acknowledgement(spi, name, effect, *own, object.view, client, out);
    }
    if (!object.view) continue;
    if (effect.changed && !effect.absorb) append_record(object, name, effect, client, out);
    if (effect.conflict && effect.found) append_conflicts(spi, *object.view, effect, out);
  }
}

}  // namespace

bool append_net_effects(Spi& spi, const std::vector<LogRow>& examined, const View& view,
                        const PullClient& client, PullRows& out) {
  const std::size_t first = out.size();
  std::map<std::string, ObjectEffects> objects = fold_all(examined, view, client);
  std::size_t bytes_left =
      examined.size() > 1 ? limits::page_bytes : std::numeric_limits<std::size_t>::max();
  for (auto& [name, object] : objects) {
    if (object.view && !load(spi, object, client, bytes_left)) return false;
  }
  for (auto& [name, object] : objects) append_object(spi, name, object, client, out);
  std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                   [](const PullRow& a, const PullRow& b) { return a.sequence < b.sequence; });
  return true;
}

}  // namespace objectos::server
