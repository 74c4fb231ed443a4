// A changed server schema in a file that has work in its queue.
//
// Columns are told apart by attnum, so a renamed one keeps its values. Every changed table is built
// anew; base images and queue, which are JSON by column name, get the new names, lose what was
// dropped, and have values of the new kind where one can be made of the old. What was frozen for
// sending stays as it is. Synced rows that a changed key names otherwise are left out: the server
// sends a changed object whole.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "app_statements.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {
namespace {

bool is_number(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string::npos) return false;
  char* end = nullptr;
  std::strtod(text.c_str(), &end);
  return text[0] != '+' && *end == '\0';
}

const LocalColumn* column_before(const LocalObject& before, const LocalColumn& column) {
  for (const LocalColumn& old : before.columns) {
    const bool told = old.attnum != 0 && column.attnum != 0;
    if (told ? old.attnum == column.attnum : old.name == column.name) return &old;
  }
  return nullptr;
}

class Migration {
 public:
  Migration(sqlite3* database, const LocalObject& before, const LocalObject& after)
      : database_(database), after_(after) {
    rekeyed_ = before.key.size() != after.key.size();
    for (const LocalColumn& column : after.columns) {
      const LocalColumn* old = column_before(before, column);
      if (old == nullptr) continue;
      old_[old->name] = &column;
      rekeyed_ =
          rekeyed_ || old->is_key != column.is_key || (column.is_key && old->type != column.type);
      changed_ = changed_ || old->name != column.name || old->kind != column.kind;
    }
    for (std::size_t i = 0; i < after.key.size() && !rekeyed_; ++i)
      rekeyed_ = renamed(before.key[i]) != after.key[i];
    changed_ = changed_ || rekeyed_ || old_.size() != before.columns.size();
  }

  // Returns which of the app's indexes and triggers no longer fit.
  std::vector<std::string> rebuild_table() const {
    const std::string name = quote_name(after_.name);
    std::string from = "_version,_synced", to = from;
    for (const auto& [old, column] : old_) {
      from += "," + quote_name(old);
      to += "," + quote_name(column->name);
    }
    const std::vector<AppStatement> app = app_statements(database_, after_.name);
    // The app's views may name the table that is not there for a moment.
    run_sql(database_, "PRAGMA legacy_alter_table=ON");
    run_sql(database_, create_table_sql(after_, "_new_table") +
                           (rekeyed_ ? ""
                                     : "INSERT INTO _new_table(" + to + ") SELECT " + from +
                                           " FROM " + name + ";") +
                           "DROP TABLE " + name + "; ALTER TABLE _new_table RENAME TO " + name +
                           ";");
    run_sql(database_, "PRAGMA legacy_alter_table=OFF");
    return restore_app_statements(database_, after_, app);
  }

  // Base images and queue, whose records are then to be computed again.
  void rewrite_work() const {
    if (!changed_) return;
    rewrite("_base", "image", "");
    rewrite("_mutations", "data", "client_sequence");
    rewrite("_mutations", "original", "client_sequence");
    rewrite("_history", "data", "seq");
    rewrite("_history", "original", "seq");
    if (rekeyed_) rename_records();
  }

 private:
  std::string renamed(const std::string& old) const {
    const auto found = old_.find(old);
    return found == old_.end() ? std::string() : found->second->name;
  }

  static std::string converted(const std::string& raw, const LocalColumn& column) {
    if (is_text_edit_form(raw)) return raw;
    const bool quoted = raw[0] == '"',
               text = column.kind == "text" || column.kind == "json" || column.kind == "bytes";
    if (raw == "null") return raw;
    if (text) return quoted ? raw : json_string(raw);
    const bool number =
        column.kind == "integer" || column.kind == "float" || column.kind == "numeric";
    const std::string content = json_unquote(raw);
    if (number && quoted && is_number(content)) return content;
    if (column.kind == "boolean" && quoted && (content == "true" || content == "false"))
      return content;
    return raw;
  }

  // What is no number cannot have been a numeric column's value; without it the version decides.
  static bool fits(const std::string& raw, const LocalColumn& column) {
    const bool number =
        column.kind == "integer" || column.kind == "float" || column.kind == "numeric";
    return !number || raw[0] != '"' || column.kind == "float" || raw == "\"NaN\"";
  }

  std::string rewritten(const std::string& text, bool original) const {
    RawMembers members;
    for (const auto& [name, raw] : json_members(text)) {
      const auto found = old_.find(name);
      if (found == old_.end()) continue;
      std::string value = converted(raw, *found->second);
      if (original && !fits(value, *found->second)) continue;
      members.emplace_back(found->second->name, std::move(value));
    }
    // An edit of nothing but dropped columns stays as it is: the server rejects it by name, and the
    // app is told.
    return members.empty() && !original ? text : json_object(members);
  }

  void rewrite(const std::string& table, const std::string& field, const std::string& by) const {
    const std::string id = by.empty() ? "record_id" : by;
    std::vector<std::pair<std::string, std::string>> texts;
    Statement read(database_, "SELECT " + id + "," + field + " FROM " + table +
                                  " WHERE object=? AND " + field + " IS NOT NULL");
    read.bind(1, std::string_view(after_.name));
    while (read.step()) texts.emplace_back(read.text(0), read.text(1));
    for (const auto& [at, text] : texts) {
      Statement write(database_, "UPDATE " + table + " SET " + field + "=? WHERE object=? AND " +
                                     id + "=" + (by.empty() ? "?" : "CAST(? AS INTEGER)"));
      write.bind(1, std::string_view(rewritten(text, field == "original")))
          .bind(2, std::string_view(after_.name));
      write.bind(3, std::string_view(at)).run();
    }
  }

  // By the new key, from the base image, or from what the record's insert sets.
  std::string record_id(const std::string& row) const {
    const RawMembers members = json_members(row);
    std::string id;
    for (const std::string& name : after_.key) {
      const std::string* raw = json_find(members, name);
      if (raw == nullptr || *raw == "null") return "";
      if (after_.key.size() == 1) return json_unquote(*raw);
      id += (id.empty() ? "[" : ",") + *raw;
    }
    return id + "]";
  }

  void rename_records() const {
    std::map<std::string, std::string> ids;
    Statement read(database_,
                   "SELECT record_id,image FROM _base WHERE object=?1 AND image IS NOT NULL UNION "
                   "ALL SELECT record_id,data FROM _mutations WHERE object=?1 AND "
                   "operation='insert' UNION ALL SELECT record_id,coalesce(data,original) "
                   "FROM _history WHERE object=?1 AND operation<>'update'");
    read.bind(1, std::string_view(after_.name));
    while (read.step()) ids.emplace(read.text(0), record_id(read.text(1)));
    for (const char* table : {"_base", "_mutations", "_history"}) {
      for (const auto& [old, id] : ids) {
        if (id.empty() || id == old) continue;
        Statement write(database_, std::string("UPDATE OR REPLACE ") + table +
                                       " SET record_id=? WHERE object=? AND record_id=?");
        write.bind(1, std::string_view(id)).bind(2, std::string_view(after_.name));
        write.bind(3, std::string_view(old)).run();
      }
    }
    Statement tags(database_, "DELETE FROM _tags WHERE object=?");
    tags.bind(1, std::string_view(after_.name)).run();
  }

  sqlite3* database_;
  const LocalObject& after_;
  std::map<std::string, const LocalColumn*> old_;  // by the name before
  bool rekeyed_ = false, changed_ = false;
};

const LocalObject* find_object(const std::vector<LocalObject>& list, const std::string& name) {
  for (const auto& object : list)
    if (object.name == name) return &object;
  return nullptr;
}

bool same_columns(const LocalObject& one, const LocalObject& other) {
  return one.key == other.key &&
         std::equal(one.columns.begin(), one.columns.end(), other.columns.begin(),
                    other.columns.end(), [](const LocalColumn& a, const LocalColumn& b) {
                      return a.name == b.name && a.type == b.type && a.kind == b.kind &&
                             a.attnum == b.attnum && a.generated == b.generated &&
                             a.merges_text == b.merges_text;
                    });
}

}  // namespace

// Queued operations are of the columns that they were made for. As values they go where their
// column goes, and are operations again where that is a text still.
void Store::make_plain_for(const std::vector<LocalObject>& next) {
  for (const LocalObject& object : objects_) {
    const LocalObject* const after = find_object(next, object.name);
    if (after != nullptr && !same_columns(object, *after)) make_all_plain_texts(object);
  }
}

std::vector<std::string> Store::migrate_tables(const std::string& schema) {
  make_plain_for(parse_schema(schema));
  writers_.clear();
  std::vector<std::string> lost;
  const auto note = [&lost](std::vector<std::string> more) {
    lost.insert(lost.end(), more.begin(), more.end());
  };
  const std::vector<std::string> views_broken = broken_views(database_);
  std::vector<LocalObject> next = parse_schema(schema), last = std::move(objects_);
  std::vector<std::string> rebuilt;
  for (const LocalObject& object : last)
    if (find_object(next, object.name) == nullptr) {
      note(keep_app_statements(database_, object.name));
      run_sql(database_, "DROP TABLE " + quote_name(object.name));
      run_sql(database_, "DELETE FROM _history WHERE object=" + quote_text(object.name));
    }
  for (const LocalObject& object : next) {
    if (const LocalObject* before = find_object(last, object.name)) {
      run_sql(database_, drop_triggers_sql(object.name));
      const Migration migration(database_, *before, object);
      if (create_table_sql(*before, "t") != create_table_sql(object, "t"))
        note(migration.rebuild_table());
      migration.rewrite_work();
      rebuilt.push_back(object.name);
    } else {
      run_sql(database_, create_table_sql(object, object.name));
      note(restore_app_statements(database_, object, app_statements(database_, object.name)));
    }
    run_sql(database_, create_triggers_sql(object));
  }
  Statement state(database_, "UPDATE _sync_state SET schema=?");
  state.bind(1, std::string_view(schema)).run();
  objects_ = std::move(next);
  indexes_seen_ = -1;
  follow_indexes();
  for (const std::string& name : rebuilt) {
    std::vector<std::string> ids;
    Statement read(database_, "SELECT record_id FROM _base WHERE object=?");
    read.bind(1, std::string_view(name));
    while (read.step()) ids.push_back(read.text(0));
    read.reset();
    for (const std::string& id : ids) {
      try {
        rebase(name, id);
      } catch (const StoreError& error) {  // an unreadable base image comes anew with the table
        if (error.kind != StoreErrorKind::corrupt) throw;
      }
    }
  }
  for (const std::string& view : broken_views(database_))
    if (std::find(views_broken.begin(), views_broken.end(), view) == views_broken.end())
      lost.push_back("the view " + view);
  return lost;
}

void Store::forget_migration() noexcept {
  writers_.clear();
  sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  indexes_seen_ = -1;
  try {
    load_schema();
  } catch (const std::exception&) {
    objects_.clear();  // a file that cannot be read is not written, either
  }
}

}  // namespace objectos
