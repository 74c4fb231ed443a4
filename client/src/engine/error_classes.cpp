#include "engine/error_classes.h"

namespace objectos {

namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE; the first rule that fits decides
  ErrorClass error_class;
  const char* hint;
};

constexpr const char* kReachHint =
    "Check that the server runs and the connection string is right; queued edits are safe and "
    "are sent by the next sync.";
constexpr const char* kResyncHint =
    "Run sync again: the replica is read anew and queued edits are kept.";

constexpr Rule kRules[] = {
    {"OS000", ErrorClass::internal, "This is a defect of objectos_sync: please report it."},
    {"OS001", ErrorClass::resync, kResyncHint},
    {"OS002", ErrorClass::resync, kResyncHint},
    {"OS003", ErrorClass::fork,
     "This file is a copy of another one, and both sync at this moment: sync again."},
    {"OS009", ErrorClass::internal, nullptr},
    {"OS010", ErrorClass::transient, "The server is a standby; connect to the primary."},
    {"OS016", ErrorClass::auth, nullptr},
    {"OS017", ErrorClass::auth, "Give the engine the user's key (Options::key_file, --key-file)."},
    {"OS018", ErrorClass::transient, nullptr},
    {"OS013", ErrorClass::upgrade, "Install the same version of objectos_sync on both sides."},
    {"OS", ErrorClass::usage, nullptr},
    {"08", ErrorClass::transient, kReachHint},
    {"28", ErrorClass::auth, "Check the user name and the password (~/.pgpass or PGPASSWORD)."},
    {"3D000", ErrorClass::usage, "Check the database name in the connection string."},
    {"40", ErrorClass::transient, nullptr},
    {"42501", ErrorClass::auth,
     "Ask the owner for SELECT sync_grant('your_role') and GRANTs on the tables."},
    {"42883", ErrorClass::upgrade,
     "Install the same version of objectos_sync on both sides (ALTER EXTENSION ... UPDATE)."},
    {"53", ErrorClass::transient, nullptr},
    {"55P03", ErrorClass::transient, nullptr},
    {"57P", ErrorClass::transient, kReachHint},
    {"57", ErrorClass::transient, nullptr},
    {"58", ErrorClass::transient, nullptr},
    {"XX", ErrorClass::internal, nullptr},
};

const Rule* find_rule(std::string_view sqlstate) noexcept {
  for (const Rule& rule : kRules) {
    if (sqlstate.substr(0, rule.prefix.size()) == rule.prefix) return &rule;
  }
  return nullptr;
}

struct StoreRule {
  StoreErrorKind kind;
  ErrorClass error_class;
  const char* code;
  const char* hint;
};

constexpr StoreRule kStoreRules[] = {
    {StoreErrorKind::not_found, ErrorClass::local, "file_not_found",
     "Make the file with: objectos-sync clone SERVER FILE"},
    {StoreErrorKind::not_ours, ErrorClass::local, "file_not_ours",
     "Name a file that `objectos-sync clone` made."},
    {StoreErrorKind::read_only, ErrorClass::local, "file_read_only",
     "Make the file and its directory writable; nothing was changed."},
    {StoreErrorKind::newer_format, ErrorClass::upgrade, "file_newer_format",
     "Use the version of objectos_sync that wrote the file, or a newer one."},
    {StoreErrorKind::locked, ErrorClass::local, "file_busy",
     "Another sync is running on this file; wait for it or stop it."},
    {StoreErrorKind::busy, ErrorClass::transient, "file_write_locked",
     "Another program holds the file's write lock; end its transaction and sync again."},
    {StoreErrorKind::disk_full, ErrorClass::local, "disk_full",
     "Free some space and run the same command again; nothing was changed."},
    {StoreErrorKind::exists, ErrorClass::usage, "file_exists",
     "Sync the file instead, or name a new one."},
    {StoreErrorKind::corrupt, ErrorClass::local, "file_corrupt",
     "Save the file, then clone a new one."},
    {StoreErrorKind::incomplete, ErrorClass::local, "file_incomplete",
     "Run `objectos-sync clone` with the same server and file again."},
    {StoreErrorKind::constraint, ErrorClass::local, "app_constraint", nullptr},
    {StoreErrorKind::invalid_input, ErrorClass::internal, "invalid_input", nullptr},
    {StoreErrorKind::statement, ErrorClass::usage, "statement_failed", nullptr},
    {StoreErrorKind::unknown_mutation, ErrorClass::usage, "unknown_mutation",
     "See what is queued and what was rejected: pending() and rejections()."},
    {StoreErrorKind::mutation_sent, ErrorClass::usage, "mutation_sent",
     "Wait for its verdict; what has taken effect can be written back."},
    {StoreErrorKind::mutation_needed, ErrorClass::usage, "mutation_needed",
     "Discard the later ones first."},
    {StoreErrorKind::record_missing, ErrorClass::usage, "record_missing",
     "Dismiss the rejection, or write the record anew."},
    {StoreErrorKind::nothing_to_undo, ErrorClass::usage, "nothing_to_undo", nullptr},
    {StoreErrorKind::nothing_to_redo, ErrorClass::usage, "nothing_to_redo", nullptr},
    {StoreErrorKind::no_text, ErrorClass::usage, "no_text_field",
     "Enable the field as a text: sync_enable(…, fields => '{\"name\":\"text\"}')."},
    {StoreErrorKind::query, ErrorClass::usage, "bad_query",
     "Watch one SELECT statement that SQLite accepts."},
    {StoreErrorKind::internal, ErrorClass::internal, "store_internal", nullptr},
};

}  // namespace

const char* error_class_name(ErrorClass error_class) noexcept {
  switch (error_class) {
    case ErrorClass::transient:
      return "transient";
    case ErrorClass::rejected:
      return "rejected";
    case ErrorClass::auth:
      return "auth";
    case ErrorClass::resync:
      return "resync";
    case ErrorClass::fork:
      return "fork";
    case ErrorClass::upgrade:
      return "upgrade";
    case ErrorClass::local:
      return "local";
    case ErrorClass::usage:
      return "usage";
    case ErrorClass::internal:
      return "internal";
  }
  return "internal";
}

ErrorClass classify_sqlstate(std::string_view sqlstate) noexcept {
  if (sqlstate.empty()) return ErrorClass::transient;
  const Rule* rule = find_rule(sqlstate);
  return rule != nullptr ? rule->error_class : ErrorClass::rejected;
}

const char* default_hint(std::string_view sqlstate) noexcept {
  if (sqlstate.empty()) return kReachHint;
  const Rule* rule = find_rule(sqlstate);
  return rule != nullptr && rule->hint != nullptr ? rule->hint : "";
}

Error from_store_error(const StoreError& error) {
  for (const StoreRule& rule : kStoreRules) {
    if (rule.kind != error.kind) continue;
    std::string hint = error.hint;
    if (hint.empty() && rule.hint != nullptr) hint = rule.hint;
    return Error(rule.error_class, rule.code, error.what(), error.detail, hint);
  }
  return Error(ErrorClass::internal, "store_internal", error.what(), error.detail, error.hint);
}

}  // namespace objectos
