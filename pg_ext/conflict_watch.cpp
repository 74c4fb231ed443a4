#include "pg_ext/conflict_watch.h"

#include <algorithm>

#include "pg_ext/conflict_store.h"
#include "pg_ext/json_form.h"
#include "pg_ext/spi.h"
#include "protocol/json.h"

namespace objectos::server {

namespace {

bool may_wait(const ObjectInfo& object) {
  for (const std::string* text : {&object.strategy, &object.on_conflict, &object.fields_json}) {
    if (text->find("manual") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

ConflictWatch::ConflictWatch(const ObjectInfo& object) : object_(object) {
  if (may_wait(object)) load(object);
}

void ConflictWatch::load(const ObjectInfo& object) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute(
          "SELECT c.record_id, c.conflict_id, c.client_id, c.client FROM objectos_sync.conflicts c"
          " WHERE c.object = $1 AND c.status = 'open'",
          {Param::text(object.object)});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        Open open;
        open.conflict_id = rows.text_or(i, 1, "");
        open.client_id = rows.text_or(i, 2, "");
        const Json client = parse_json(rows.text_or(i, 3, "{}"));
        for (const auto& [name, value] : client.members()) {
          open.client[name] = canonical_json(value);
        }
        open_[rows.text_or(i, 0, "")].push_back(std::move(open));
      }
    });
  });
}

void ConflictWatch::deleted(std::string_view record_id) {
  const auto found = open_.find(record_id);
  if (found == open_.end()) return;
  for (Open& open : found->second) open.outcome = "deleted";
}

void ConflictWatch::truncated() {
  for (auto& [record_id, list] : open_) {
    for (Open& open : list) open.outcome = "deleted";
  }
}

void ConflictWatch::written(std::string_view record_id, const Datum* values, const bool* nulls,
                            const std::vector<std::string>* pushed, std::string_view client_id) {
  const auto found = open_.find(record_id);
  if (found == open_.end()) return;
  const auto holds = [&](const std::string& name, const std::string& wanted) {
    const ColumnInfo* column = object_.column(name);
    if (column == nullptr) return false;
    std::string form;
    append_json_form(form, column->type, values[column->attnum - 1], nulls[column->attnum - 1]);
    return form == wanted;
  };
  for (Open& open : found->second) {
    bool fulfilled = !open.client.empty(), rewritten = pushed != nullptr && fulfilled;
    for (const auto& [name, value] : open.client) {
      fulfilled = fulfilled && holds(name, value);
      rewritten = rewritten && std::find(pushed->begin(), pushed->end(), name) != pushed->end();
    }
    if (fulfilled) {
      open.outcome = "client_wins";
    } else if (rewritten && client_id == open.client_id) {
      open.outcome = "superseded";
    }
  }
}

void ConflictWatch::finish(const std::string& user) {
  for (const auto& [record_id, list] : open_) {
    for (const Open& open : list) {
      if (!open.outcome.empty()) end_moot_conflict(open.conflict_id, open.outcome, user);
    }
  }
  open_.clear();
}

}  // namespace objectos::server
