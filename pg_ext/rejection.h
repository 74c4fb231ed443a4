// Which errors reject a mutation and which end the push, and the verdict of a rejected one.
#pragma once

#include <string>

#include "pg_ext/boundary.h"
#include "protocol/errors.h"
#include "protocol/messages.h"

namespace objectos::server {

// SQLSTATE classes 22 and 23, 42501, 44000 and P0001. Anything else (cancel, timeout, resources,
// 40xxx) ends the push.
bool rejects_its_group(const std::string& sqlstate) noexcept;
// Connections, transactions, resources, cancel and shutdown, I/O, faults of PostgreSQL's or ours:
// no fault of a mutation or a function, whatever else rejects it.
bool ends_the_push(const std::string& sqlstate) noexcept;

Verdict rejected(const std::string& mutation_id, const std::string& reason,
                 const std::string& sqlstate, const std::string& message,
                 const std::string& hint = {}, const std::string& field = {});
Verdict rejected(const std::string& mutation_id, const PgError& error);
// The same for what broke while a group was written. A constraint that a row out of the caller's
// sight may have broken (unique, exclusion, foreign key) is neither named nor are its values: which
// one it was would tell about the row. An insert alone can only miss the row that it refers to.
Verdict rejected_writing(const std::string& mutation_id, const PgError& error, bool only_inserts);
Verdict rejected(const std::string& mutation_id, const SyncError& error,
                 const std::string& field = {});
Verdict rejected(const std::string& mutation_id, const ProtocolError& error);

// No verdict: the mutation was not looked at, for its client has to pull first (text_merge.h). It
// is answered and not remembered.
Verdict pull_first(const std::string& mutation_id);
bool is_pull_first(const Verdict& verdict) noexcept;

}  // namespace objectos::server
