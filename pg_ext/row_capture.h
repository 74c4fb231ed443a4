// What a statement changed, row by row, into the log: with its texts as operations, and with the
// mutations of the push that did it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/conflict_watch.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/push_origin.h"
#include "pg_ext/text_capture.h"

struct RelationData;
struct Tuplestorestate;
struct TupleTableSlot;

namespace objectos::server {

// One transition table, read from its beginning.
class TransitionReader {
 public:
  TransitionReader(RelationData* relation, Tuplestorestate* store);
  bool present() const noexcept { return store_ != nullptr; }
  std::int64_t count() const;
  bool next();
  const Datum* values() const noexcept;
  const bool* nulls() const noexcept;
  void close();

 private:
  Tuplestorestate* store_;
  TupleTableSlot* slot_ = nullptr;
  int pointer_ = 0;
};

// The rows of one statement (or one row). Use: insert(), update() or remove() for each, or
// truncate(); finish() at the end. On an exception abort cleans up.
class Capture {
 public:
  // `object` outlives it.
  explicit Capture(const ObjectInfo& object);

  void insert(const TransitionReader& after, bool replaces = false);
  void update(const TransitionReader& before, const TransitionReader& after);
  void remove(const TransitionReader& before);
  void truncate(std::int64_t version);
  void expect(std::int64_t rows) { log_.expect(rows); }
  void finish() {
    log_.finish();
    texts_.finish();
    watch_.finish(user_);
  }
  std::string record_id(const TransitionReader& row);

 private:
  std::int64_t version(const TransitionReader& row) const;
  Datum row_json(const TransitionReader& row, const std::vector<std::string>* forms = nullptr);
  Datum forms_json(const std::vector<std::string>& forms);
  bool same(std::size_t column, const TransitionReader& before,
            const TransitionReader& after) const;
  PushedMutation* pushed(const std::string& record_id) const;
  bool stored_as_sent(const PushedMutation& mutation, const TransitionReader& row,
                      bool others_null) const;
  using Texts = std::vector<std::optional<std::string>>;  // by column that merges text
  Texts texts_of(const TransitionReader& row) const;
  void note_texts(const TransitionReader& before, const TransitionReader& after,
                  PushedMutation* mutation);
  void write_links(PushedMutation& mutation, const std::string& record_id);
  void write(LogRow& row, const std::string& record_id, std::int64_t version,
             const TransitionReader* after);
  std::string seal(std::int64_t client_sequence, const LogRow& row) const;
  void tell_watch(const std::string& record_id, const PushedMutation* mutation,
                  const TransitionReader* after);

  const ObjectInfo& object_;
  const std::vector<const ColumnInfo*> columns_;
  std::vector<const ColumnInfo*> key_;
  std::vector<std::size_t> order_;  // of columns_ in a jsonb
  std::vector<char> wanted_;        // by column: in the row_json() built next
  std::vector<Datum> key_values_;
  PushScope* scope_;
  bool direct_ = false;
  std::string user_;
  LogWriter log_;
  ConflictWatch watch_;
  TextCapture texts_;
};

}  // namespace objectos::server
