// The file: create, open, lock, detach, state, migration.
#include "store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "../fault_point.h"
#include "app_indexes.h"
#include "json_slices.h"
#include "queue_sql.h"
#include "subscription_table.h"
#include "table_swap.h"
#include "undo_history.h"

namespace objectos {
namespace {

constexpr int64_t application_id = 0x4F53594E;  // 'OSYN'
constexpr int64_t file_format = 1;

int64_t pragma(sqlite3* database, const std::string& name) {
  Statement statement(database, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : 0;
}

void set_state(sqlite3* database, const std::string& column, std::string_view value) {
  Statement statement(database, "UPDATE _sync_state SET " + column + "=?");
  statement.bind_text_or_null(1, value).run();
}

enum class Found { nothing, file, something_else };

Found look_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Found::nothing;
  if (!S_ISREG(info.st_mode)) return Found::something_else;
  return info.st_size > 0 ? Found::file : Found::nothing;
}

// SQLite and the engine lock need files beside it.
void require_writable_place(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string place = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (::access(place.c_str(), W_OK) != 0 && (errno == EACCES || errno == EROFS))
    throw StoreError(StoreErrorKind::read_only, "nothing can be written beside " + path,
                     strerror(errno));
}

[[noreturn]] void refuse_foreign(const std::string& path) {
  throw StoreError(StoreErrorKind::not_ours, path + " is not a file of objectos-sync", {},
                   "Name a file made by clone.");
}

bool anything_at(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

// Where a new file is made.
std::string beside(const std::string& path) {
  return path + "-cloning";
}

[[noreturn]] void throw_not_written(const std::string& path) {
  throw StoreError(StoreErrorKind::disk_full, "the local database could not be written",
                   path + ": " + std::strerror(errno),
                   "Free disk space and sync again; nothing was changed.");
}

// Waits until what was written to the file (or the names in the directory) is on the disk.
void flush(const std::string& path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw_not_written(path);
  int failed = ::fsync(file);
  ::close(file);
  if (failed != 0) throw_not_written(path);
}

}  // namespace

Store::~Store() {
  writers_.clear();
  statements_.close();
  sqlite3_close_v2(database_);
  // Left as a sign that a clone was begun; what it holds is of no use.
  if (beside_) (void)!::truncate(beside(path_).c_str(), 0);
}

void Store::open_file(const std::string& file, int flags) {
  int code = sqlite3_open_v2(file.c_str(), &database_, flags, nullptr);
  if (code != SQLITE_OK) throw_sqlite(database_, code);
  sqlite3_busy_timeout(database_, busy_timeout_ms);
  statements_.open(database_);
}

// Nothing is made beside a file before it is known to be ours.
void Store::connect(const std::string& path, Mode mode, bool may_create) {
  path_ = path;
  const Found found = look_at(path);
  if (found == Found::something_else)
    throw StoreError(StoreErrorKind::not_ours, path + " is a directory or a device, not a file", {},
                     "Name a file.");
  if (found == Found::nothing && !may_create && anything_at(beside(path)))
    throw StoreError(StoreErrorKind::incomplete, "the initial sync of " + path + " has not ended",
                     {}, "Run clone with the same server and file again.");
  if (found == Found::nothing && !may_create)
    throw StoreError(StoreErrorKind::not_found, "there is no local database " + path, {},
                     "Make one with clone.");
  if (mode == Mode::engine) require_writable_place(path);
  if (found == Found::nothing) return build_beside(path);
  open_file(path, SQLITE_OPEN_READWRITE);
  int64_t owner = pragma(database_, "application_id"), format = pragma(database_, "user_version");
  if (owner != application_id && !may_create) refuse_foreign(path);
  if (owner != application_id && (owner != 0 || format != 0))
    throw StoreError(
        StoreErrorKind::not_ours, path + " belongs to another program",
        "application_id " + std::to_string(owner) + ", user_version " + std::to_string(format),
        "Clone into a file of its own.");
  if (owner == application_id && format > file_format)
    throw StoreError(StoreErrorKind::newer_format, path + " was written by a newer version", {},
                     "Install that version.");
  if (mode == Mode::engine) take_engine_lock(path);
  // Another engine may have detached it while this one waited at the door.
  if (lock_ && owner == application_id && pragma(database_, "application_id") != owner) {
    leave_no_lock();
    refuse_foreign(path);
  }
  serve();
  // One connection checkpoints: several at once could damage the WAL in SQLite before 3.51.3.
  if (mode == Mode::tool) run_sql(database_, "PRAGMA wal_autocheckpoint=0");
}

void Store::take_engine_lock(const std::string& path) {
  if (database_ != nullptr && sqlite3_db_readonly(database_, "main") == 1)
    throw StoreError(StoreErrorKind::read_only, path + " is read-only");
  lock_.emplace(path);
}

void Store::serve() {
  run_sql(database_, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
}

// Nobody else can see the file and nobody keeps it after a crash: it needs no journal on the disk
// and no fsync before its last one.
void Store::build_beside(const std::string& path) {
  std::string file = beside(path);
  take_engine_lock(path);
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) throw_not_written(file);
  beside_ = true;
  open_file(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  run_sql(database_,
          "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;");
}

void Store::publish() {
  if (!beside_) return;
  std::string file = beside(path_), directory = path_.substr(0, path_.find_last_of('/') + 1);
  writers_.clear();
  statements_.close();
  // The header alone is changed by this; the WAL itself goes with the connection.
  run_sql(database_, "PRAGMA journal_mode=WAL;");
  int code = sqlite3_close(database_);
  if (code != SQLITE_OK) throw_sqlite(database_, code);
  database_ = nullptr;
  flush(file);
  fault_point("store.publish.before_rename");
  if (look_at(path_) != Found::nothing)
    throw StoreError(StoreErrorKind::exists, path_ + " was made by another program meanwhile", {},
                     "Clone into another file.");
  if (std::rename(file.c_str(), path_.c_str()) != 0) throw_not_written(path_);
  beside_ = false;
  fault_point("store.publish.after_rename");
  flush(directory.empty() ? "." : directory);
  open_file(path_, SQLITE_OPEN_READWRITE);
  serve();
  indexes_seen_ = -1;
}

std::vector<std::string> Store::integrity_problems() const {
  std::vector<std::string> problems;
  Statement check(database_, "PRAGMA integrity_check(20)");
  while (check.step())
    if (check.text(0) != "ok") problems.push_back(check.text(0));
  return problems;
}

std::string LocalDatabase::sqlite_version() {
  return sqlite3_libversion();
}

void Store::begin_bulk(int cache_mib) {
  if (bulk_) return;
  bulk_ = true;
  run_sql(database_, "PRAGMA cache_size=-" + std::to_string(cache_mib * 1024));
  Statement others(database_,
                   "SELECT 1 FROM sqlite_master WHERE type='trigger' AND name NOT LIKE "
                   "'\\_queue\\_%' ESCAPE '\\'");
  if (!others.step())
    sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, static_cast<int*>(nullptr));
}

void Store::end_bulk() noexcept {
  if (!bulk_) return;
  bulk_ = false;
  sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, static_cast<int*>(nullptr));
  sqlite3_exec(database_, "PRAGMA cache_size=-2000", nullptr, nullptr, nullptr);
  sqlite3_db_release_memory(database_);
}

bool Store::is_current() const {
  int64_t present = pragma(database_, "schema_version");
  int moved = 0;
  if (sqlite3_file_control(database_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK)
    moved = 0;
  return present == schema_loaded_ && moved == 0;
}

void Store::load_schema() {
  writers_.clear();
  schema_loaded_ = pragma(database_, "schema_version");
  std::string schema = state().schema;
  objects_ = schema.empty() ? std::vector<LocalObject>() : parse_schema(schema);
}

void Store::follow_schema() {
  if (pragma(database_, "schema_version") != schema_loaded_) load_schema();
}

std::unique_ptr<LocalDatabase> LocalDatabase::create(const CreateOptions& options) {
  auto store = std::make_unique<Store>();
  store->connect(options.path, Mode::engine, true);
  store->create_tables(options);
  store->load_schema();
  return store;
}

void Store::create_tables(const CreateOptions& options) {
  WriteTransaction transaction(database_);
  if (pragma(database_, "application_id") == application_id) {
    if (state().complete)
      throw StoreError(StoreErrorKind::exists, options.path + " is a local database already", {},
                       "Sync it, or clone into another file.");
    load_schema();
    for (const auto& object : objects())
      run_sql(database_, "DROP TABLE IF EXISTS " + quote_name(object.name));
    run_sql(database_, drop_system_tables_sql);
    run_sql(database_, drop_history_tables_sql);
    run_sql(database_, drop_subscription_table_sql);
  }
  for (const auto& object : parse_schema(options.schema)) {
    Statement taken(database_, "SELECT 1 FROM sqlite_master WHERE name=? COLLATE NOCASE");
    taken.bind(1, std::string_view(object.name));
    if (taken.step())
      throw StoreError(StoreErrorKind::exists, "the file has a table named " + object.name, {},
                       "Rename it, or clone into another file.");
    run_sql(database_, create_table_sql(object, object.name));
  }
  run_sql(database_, system_tables_sql);
  run_sql(database_, history_tables_sql());
  run_sql(database_, subscription_table_sql);
  run_sql(database_, "PRAGMA application_id=" + std::to_string(application_id) +
                         "; PRAGMA user_version=" + std::to_string(file_format));
  Statement state(database_,
                  "INSERT INTO _sync_state(client_id,user_id,epoch,server,schema) VALUES"
                  "(?,?,?,?,?)");
  state.bind(1, std::string_view(options.client_id)).bind(2, std::string_view(options.user_id));
  state.bind(3, std::string_view(options.epoch)).bind(4, std::string_view(options.server));
  state.bind(5, std::string_view(options.schema)).run();
  fault_point("store.create.before_commit");
  transaction.commit();
  fault_point("store.create.after_commit");
}

std::unique_ptr<LocalDatabase> LocalDatabase::open(const std::string& path, Mode mode) {
  auto store = std::make_unique<Store>();
  store->connect(path, mode, false);
  add_history_tables(store->database());
  store->load_schema();
  if (mode == Mode::engine && store->state().complete) store->follow_at_open();
  return store;
}

bool LocalDatabase::is_ours(const std::string& path) {
  try {
    open(path, Mode::tool);
    return true;
  } catch (const StoreError&) {
    return false;
  }
}

void LocalDatabase::detach(const std::string& path) {
  Store store;
  store.connect(path, Mode::engine, false);
  store.load_schema();
  WriteTransaction transaction(store.database());
  drop_leftovers(store.database());
  for (const auto& object : store.objects()) {
    std::string name = quote_name(object.name);
    run_sql(store.database(), drop_triggers_sql(object.name) + "ALTER TABLE " + name +
                                  " DROP COLUMN _version; ALTER TABLE " + name +
                                  " DROP COLUMN _synced;");
  }
  run_sql(store.database(), drop_system_tables_sql);
  run_sql(store.database(), drop_history_tables_sql);
  run_sql(store.database(), drop_subscription_table_sql);
  run_sql(store.database(), "PRAGMA application_id=0; PRAGMA user_version=0;");
  transaction.commit();
  store.leave_no_lock();
}

RowWriter& Store::writer(const std::string& name) const {
  auto found = writers_.find(name);
  if (found != writers_.end()) return *found->second;
  for (const LocalObject& object : objects_)
    if (object.name == name)
      return *(writers_[name] = std::make_unique<RowWriter>(database_, object));
  throw StoreError(StoreErrorKind::invalid_input, "the local schema has no object " + name);
}

void Store::follow_indexes() {
  for (auto& [name, writer] : writers_) writer->forget_dropped();
  int64_t present = pragma(database_, "schema_version");
  if (present == indexes_seen_) return;
  bool changed = false;
  for (LocalObject& object : objects_) changed |= follow_app_statements(database_, object);
  if (!changed) indexes_seen_ = present;
}

// Other programs write between this and the engine's first work.
void Store::follow_at_open() {
  bool fits = true;
  for (LocalObject& object : objects_) fits &= fits_app_statements(database_, object);
  if (fits) return;
  WriteTransaction transaction(database_);
  follow_indexes();
  transaction.commit();
}

void Store::restore_indexes() {
  for (auto& [name, writer] : writers_) writer->restore_indexes();
}

bool Store::knows(const std::string& name) const {
  for (const LocalObject& object : objects_)
    if (object.name == name) return true;
  return false;
}

SyncState Store::state() const {
  Statement row(database_,
                "SELECT checkpoint,last_sync,client_id,user_id,epoch,server,schema,complete,"
                "clock_offset_ms,format FROM _sync_state");
  SyncState state;
  if (!row.step()) return state;
  state.checkpoint = row.text(0), state.last_sync = row.text(1), state.client_id = row.text(2);
  state.user_id = row.text(3), state.epoch = row.text(4), state.server = row.text(5);
  state.schema = row.text(6), state.complete = row.integer(7) != 0;
  state.clock_offset_ms = row.integer(8), state.format = row.integer(9);
  state.confirmed = confirmed();
  return state;
}

void Store::set_identity(const std::string& client_id, const std::string& user_id,
                         const std::string& epoch) {
  WriteTransaction transaction(database_);
  Statement update(database_, "UPDATE _sync_state SET client_id=?,user_id=?,epoch=?");
  update.bind(1, std::string_view(client_id)).bind(2, std::string_view(user_id));
  update.bind(3, std::string_view(epoch)).run();
  Statement(database_, queue_sql::unseal).run();
  transaction.commit();
}
void Store::set_server(const std::string& server) {
  set_state(database_, "server", server);
}
// Learned anew at every connect, so its commit does not wait for the disk.
void Store::set_clock_offset(int64_t milliseconds) {
  struct Relaxed {
    sqlite3* database;
    explicit Relaxed(sqlite3* of) : database(of) { run_sql(of, "PRAGMA synchronous=NORMAL"); }
    ~Relaxed() { sqlite3_exec(database, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr); }
  };
  std::optional<Relaxed> relaxed;
  if (!beside_) relaxed.emplace(database_);
  set_state(database_, "clock_offset_ms", std::to_string(milliseconds));
}
void Store::forget_checkpoint() {
  set_state(database_, "checkpoint", "");
}
void Store::tidy() {
  if (has_leftovers(database_)) discard_leftovers(database_);
}
void Store::limit_pages(int64_t pages) {
  pragma(database_, "max_page_count=" + std::to_string(pages));
}

std::optional<std::string> Store::row_json(const std::string& object,
                                           const std::string& record_id) const {
  return writer(object).read(record_id, nullptr);
}

}  // namespace objectos
