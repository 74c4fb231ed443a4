// The statements that read and move the queue. Each runs once a batch or once a mutation, so each
// must find its rows by an index: a queue may hold 100,000 mutations. A test asks SQLite for their
// plans.
#pragma once

namespace objectos::queue_sql {

inline constexpr const char* columns =
    "SELECT client_sequence,id,object,record_id,operation,data,original,timestamp,version,"
    "\"group\",state,verdict,undo_of,frozen FROM _mutations WHERE ";

inline constexpr const char* in_flight =
    "state='in_flight' AND client_sequence>?1 ORDER BY client_sequence";
inline constexpr const char* pending =
    "state='pending' AND client_sequence>?1 ORDER BY client_sequence";
inline constexpr const char* oldest_pending =
    "SELECT timestamp FROM _mutations WHERE state='pending' AND client_sequence>?1 AND "
    "client_sequence<=?2 ORDER BY client_sequence LIMIT 1";
inline constexpr const char* of_record = "object=?1 AND record_id=?2 ORDER BY client_sequence";
inline constexpr const char* numbered = "client_sequence=?1";

inline constexpr const char* records_in_flight =
    "SELECT object,record_id FROM _mutations WHERE state='in_flight'";
inline constexpr const char* numbers_in_flight =
    "SELECT id,client_sequence FROM _mutations WHERE state='in_flight'";

// Of one record: what of it the server may hold already.
inline constexpr const char* sent_of_record =
    "SELECT operation,data FROM _mutations WHERE object=?1 AND record_id=?2 AND +state<>'pending' "
    "ORDER BY client_sequence";

// Two minima, each the first entry of its state in the index.
inline constexpr const char* confirmed =
    "SELECT coalesce((SELECT min(s)-1 FROM (SELECT min(client_sequence) AS s FROM _mutations WHERE "
    "state='pending' UNION ALL SELECT min(client_sequence) FROM _mutations WHERE "
    "state='in_flight')),(SELECT seq FROM sqlite_sequence WHERE name='_mutations'),0)";

// What claimed_versions.h needs of one record's mutations.
inline constexpr const char* judged_of_record =
    "SELECT operation,version,json_extract(verdict,'$.status'),json_extract(verdict,'$.version') "
    "FROM _mutations WHERE object=?1 AND record_id=?2 AND +state='judged' ORDER BY client_sequence";
inline constexpr const char* pending_of_record =
    "SELECT client_sequence,version FROM _mutations WHERE object=?1 AND record_id=?2 AND "
    "+state='pending' ORDER BY client_sequence";
// An undo whose claim is carried forward was written before the server's form of its `original` was
// known. The version vouches for the values then, and the server's log has them.
inline constexpr const char* claim =
    "UPDATE _mutations SET original=CASE WHEN undo_of IS NOT NULL AND version IS NOT ?1 THEN NULL "
    "ELSE original END,version=?1 WHERE client_sequence=?2";
inline constexpr const char* forget_claims =
    "UPDATE _mutations SET version=NULL WHERE object=?1 AND record_id=?2 AND +state='pending' AND "
    "(version>?3 OR (version=?3 AND NOT ?4))";

inline constexpr const char* pending_undo_of =
    "SELECT client_sequence FROM _mutations WHERE state='pending' AND undo_of=?1";

inline constexpr const char* rewrite =
    "UPDATE _mutations SET operation=?1,data=?2,original=?3,version=?4 WHERE client_sequence=?5";
inline constexpr const char* rewrite_values =
    "UPDATE _mutations SET data=?1,original=?2 WHERE client_sequence=?3";
// What was not judged waits again.
inline constexpr const char* unfreeze =
    "UPDATE _mutations SET state='pending',frozen=NULL WHERE state='in_flight' AND "
    "client_sequence>=?1";
inline constexpr const char* freeze =
    "UPDATE _mutations SET state='in_flight',frozen=?1,version=?2 WHERE client_sequence=?3";
inline constexpr const char* thaw =
    "UPDATE _mutations SET state='pending',frozen=NULL WHERE client_sequence=?1 AND "
    "state='in_flight'";
// Signatures are for one history of the server: in another one what was signed is signed anew.
inline constexpr const char* unseal =
    "UPDATE _mutations SET frozen=json_extract(frozen,'$.payload') WHERE state='in_flight' AND "
    "substr(frozen,1,10)='{\"key_id\":'";
inline constexpr const char* judge =
    "UPDATE _mutations SET state='judged',synced=1,verdict=?1 WHERE client_sequence=?2";
inline constexpr const char* drop = "DELETE FROM _mutations WHERE client_sequence=?1";
inline constexpr const char* drop_chain =
    "DELETE FROM _mutations WHERE object=?1 AND record_id=?2 AND client_sequence>=?3 AND "
    "client_sequence<?4";

}  // namespace objectos::queue_sql
