// The one place where PostgreSQL's headers come in. Include it last, in .cpp files only: they
// redefine `printf`, `_`, `Min`, `ERROR` and more. Version shims stand at the end, and nowhere
// else.
#pragma once

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/hio.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "common/shortest_dec.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "jit/jit.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
#include "utils/xid8.h"
}

// PostgreSQL's printf family and gettext's `_` stay inside its own headers.
#undef _
#undef printf
#undef fprintf
#undef sprintf
#undef snprintf
#undef vsnprintf
#undef vfprintf
#undef vprintf
#undef vsprintf
#undef strerror

// 16 merged the ACL checks of the kinds of objects.
inline bool object_usage_allowed(Oid schema, Oid user) {
  if (!OidIsValid(schema)) return false;
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(NamespaceRelationId, schema, user, ACL_USAGE) == ACLCHECK_OK;
#else
  return pg_namespace_aclcheck(schema, user, ACL_USAGE) == ACLCHECK_OK;
#endif
}

// 16 renamed what a relation's file is found by.
inline xl_seq_rec sequence_record(Relation sequence) {
#if PG_VERSION_NUM >= 160000
  return {sequence->rd_locator};
#else
  return {sequence->rd_node};
#endif
}

// 16 tells index methods that only summarize.
inline List* insert_index_tuples(ResultRelInfo* result, TupleTableSlot* slot, EState* state) {
#if PG_VERSION_NUM >= 160000
  return ExecInsertIndexTuples(result, slot, state, false, false, nullptr, NIL, false);
#else
  return ExecInsertIndexTuples(result, slot, state, false, false, nullptr, NIL);
#endif
}

// 17 gave it a plainer name. The path is one that a plan was made under.
template <typename Path>
inline bool search_path_is(Path* path) {
#if PG_VERSION_NUM >= 170000
  return SearchPathMatchesCurrentEnvironment(path);
#else
  return OverrideSearchPathMatchesCurrent(path);
#endif
}

// 17 put it beside the backend's number.
inline LocalTransactionId local_transaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

// 15 refuses unknown settings of a reserved prefix; 14 warns.
inline void reserve_setting_prefix(const char* prefix) {
#if PG_VERSION_NUM >= 150000
  MarkGUCPrefixReserved(prefix);
#else
  EmitWarningsOnPlaceholders(prefix);
#endif
}
