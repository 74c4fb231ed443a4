#include "pg_ext/view.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "pg_ext/boundary.h"
#include "pg_ext/subscriptions.h"
#include "protocol/errors.h"
#include "protocol/fnv.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

extern "C" {
#include "catalog/pg_auth_members.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_policy.h"
}

namespace objectos::server {
namespace {

void member(std::string& out, const char* name, std::string_view text) {
  out += '"';
  out += name;
  out += "\":";
  append_json_string(out, text);
  out += ',';
}

const char* truth(bool value) {
  return value ? "true" : "false";
}

// Leased keys are of no use to whoever may not insert.
const char* key_source(const ObjectInfo& info, const ColumnInfo& column) {
  if (column.key_source == KeySource::uuid) return "uuid";
  return column.key_source == KeySource::sequence && info.insertable ? "sequence" : nullptr;
}

void describe_column(std::string& out, const ObjectInfo& info, const ColumnInfo& column) {
  out += '{';
  member(out, "name", column.name);
  out += "\"attnum\":" + std::to_string(column.attnum) + ',';
  member(out, "type", column.type_text);
  out += "\"type_oid\":" + std::to_string(column.type) + ',';
  member(out, "kind", to_string(column.kind));
  if (const char* source = key_source(info, column)) member(out, "key_source", source);
  out += std::string("\"not_null\":") + truth(column.not_null) +
         ",\"has_default\":" + truth(column.has_default) +
         ",\"generated\":" + truth(column.generated) + '}';
}

void describe_object(std::string& out, const ObjectInfo& info) {
  out += '{';
  member(out, "object", info.object);
  member(out, "schema", info.schema);
  member(out, "table", info.table);
  out += "\"key\":[";
  for (std::size_t i = 0; i < info.key.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, info.columns[info.key[i]].name);
  }
  out += "],\"columns\":[";
  bool first = true;
  for (const ColumnInfo& column : info.columns) {
    if (!column.selectable) continue;
    if (!first) out += ',';
    first = false;
    describe_column(out, info, column);
  }
  out += "],";
  member(out, "strategy", info.strategy);
  member(out, "on_conflict", info.on_conflict);
  member(out, "deletes", info.deletes);
  out += "\"fields\":" + (info.fields_json.empty() ? "{}" : info.fields_json) +
         ",\"rls\":" + truth(info.row_security) + '}';
}

// The roles the caller is a member of, directly or not, itself included.
std::set<Oid> memberships() {
  std::set<Oid> roles{pg_call([] { return GetUserId(); })};
  std::vector<Oid> open(roles.begin(), roles.end());
  while (!open.empty()) {
    const Oid role = open.back();
    open.pop_back();
    const auto found = pg_call([&] {
      struct Found {
        Oid* oids;
        int count;
      } f{};
      CatCList* list = SearchSysCacheList1(AUTHMEMMEMROLE, ObjectIdGetDatum(role));
      f.oids = static_cast<Oid*>(palloc(sizeof(Oid) * (list->n_members + 1)));
      for (int i = 0; i < list->n_members; ++i) {
        HeapTuple tuple = &list->members[i]->tuple;
        f.oids[f.count++] = reinterpret_cast<Form_pg_auth_members>(GETSTRUCT(tuple))->roleid;
      }
      ReleaseSysCacheList(list);
      return f;
    });
    for (int i = 0; i < found.count; ++i) {
      if (roles.insert(found.oids[i]).second) open.push_back(found.oids[i]);
    }
  }
  return roles;
}

// What a policy's expressions name. Runs guarded.
void append_relations(List*& relations, Oid policy) {
  Relation depends = table_open(DependRelationId, AccessShareLock);
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(PolicyRelationId));
  ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
              ObjectIdGetDatum(policy));
  SysScanDesc scan = systable_beginscan(depends, DependDependerIndexId, true, nullptr, 2, keys);
  HeapTuple tuple;
  while ((tuple = systable_getnext(scan)) != nullptr) {
    const auto* depend = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
    if (depend->refclassid == RelationRelationId)
      relations = list_append_unique_oid(relations, depend->refobjid);
  }
  systable_endscan(scan);
  table_close(depends, AccessShareLock);
}

// Whether the table's policies hold, and whether the caller may ask it. Runs guarded.
void append_rights(StringInfo out, Oid relid) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
  if (!HeapTupleIsValid(tuple)) return;
  const auto* table = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
  appendStringInfo(out, "%u:%d%d%d|", relid, table->relrowsecurity, table->relforcerowsecurity,
                   pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK);
  ReleaseSysCache(tuple);
}

// Text that changes when a policy of the table does, or one of a table that its policies ask, and
// so on from there.
std::string policies_of(Oid root) {
  const char* text = pg_call([&] {
    List* relations = list_make1_oid(root);
    StringInfoData out;
    initStringInfo(&out);
    Relation policies = table_open(PolicyRelationId, AccessShareLock);
    for (int place = 0; place < list_length(relations); ++place) {
      const Oid relid = list_nth_oid(relations, place);
      append_rights(&out, relid);
      ScanKeyData key;
      ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
                  ObjectIdGetDatum(relid));
      SysScanDesc scan =
          systable_beginscan(policies, PolicyPolrelidPolnameIndexId, true, nullptr, 1, &key);
      HeapTuple tuple;
      while ((tuple = systable_getnext(scan)) != nullptr) {
        for (int i = 1; i <= RelationGetDescr(policies)->natts; ++i) {
          char* value = SPI_getvalue(tuple, RelationGetDescr(policies), i);
          appendStringInfo(&out, "%s\n", value ? value : "");
        }
        append_relations(relations, reinterpret_cast<Form_pg_policy>(GETSTRUCT(tuple))->oid);
      }
      systable_endscan(scan);
    }
    table_close(policies, AccessShareLock);
    return static_cast<const char*>(out.data);
  });
  return text;
}

std::uint64_t fingerprint_of(const ObjectInfo& info, const std::set<Oid>& roles,
                             const std::string& filter) {
  std::string text = std::to_string(info.relid) + '|' + std::to_string(info.row_security) + '|' +
                     std::to_string(info.reshaped_at);
  for (const std::size_t key : info.key) text += "|k" + std::to_string(info.columns[key].attnum);
  for (const ColumnInfo& column : info.columns) {
    if (!column.selectable) continue;
    text += "|c" + std::to_string(column.attnum) + ':' + std::to_string(column.type);
  }
  if (info.row_security) {
    for (const Oid role : roles) text += "|r" + std::to_string(role);
    text += '|' + policies_of(info.relid);
  }
  if (!filter.empty()) text += "|f" + filter;
  return fnv1a64(text);
}

bool readable(Oid relid, std::int16_t attnum) {
  return pg_call([&] {
    return pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
           pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
  });
}

// The relation's file as the active snapshot sees it, and as it is now; every partition's, too.
// Runs guarded.
bool storage_seen(Oid relid) {
  Relation classes = table_open(RelationRelationId, AccessShareLock);
  bool all_seen = true;
  ListCell* cell;
  foreach (cell, find_all_inheritors(relid, AccessShareLock, nullptr)) {
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(lfirst_oid(cell)));
    SysScanDesc scan =
        systable_beginscan(classes, ClassOidIndexId, true, GetActiveSnapshot(), 1, &key);
    HeapTuple seen = systable_getnext(scan);
    Relation now = try_relation_open(lfirst_oid(cell), AccessShareLock);
    bool equal = false;
    if (seen != nullptr && now != nullptr) {
      auto* form = reinterpret_cast<Form_pg_class>(GETSTRUCT(seen));
      equal = form->relfilenode == now->rd_rel->relfilenode;
    }
    all_seen = all_seen && equal;
    if (now != nullptr) relation_close(now, NoLock);
    systable_endscan(scan);
  }
  table_close(classes, AccessShareLock);
  return all_seen;
}

void require_storage_seen(const ObjectInfo& info) {
  if (pg_call([&] { return storage_seen(info.relid); })) return;
  throw SyncError("40001",
                  "the table of object \"" + info.object +
                      "\" was rewritten or truncated "
                      "after this transaction's snapshot was taken",
                  "The snapshot would see it empty.", "Begin a new transaction and pull again.");
}

// Whether nothing was committed since the transaction's snapshot was taken.
bool sees_the_present() {
  return pg_call([] {
    const auto equal = [](const TransactionId* a, const TransactionId* b, std::size_t count) {
      return count == 0 || std::memcmp(a, b, count * sizeof *a) == 0;
    };
    const Snapshot now = GetLatestSnapshot(), seen = GetActiveSnapshot();
    return now->xmin == seen->xmin && now->xmax == seen->xmax && now->xcnt == seen->xcnt &&
           now->subxcnt == seen->subxcnt && now->suboverflowed == seen->suboverflowed &&
           equal(now->xip, seen->xip, now->xcnt) &&
           equal(now->subxip, seen->subxip, static_cast<std::size_t>(now->subxcnt));
  });
}

// The rows are the snapshot's, the columns are those of now: they belong together only if no
// change of the table was committed in between.
void require_shapes_seen(const std::vector<ObjectView>& objects) {
  if (!pg_call([] { return IsolationUsesXactSnapshot(); }) || sees_the_present()) return;
  pg_call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  std::map<Oid, std::int64_t> present = as_owner([] {
    return with_spi([](Spi& spi) {
      std::map<Oid, std::int64_t> found;
      Rows rows = spi.execute(
          "SELECT o.relid::pg_catalog.oid, s.reshaped_at FROM objectos_sync.objects o"
          " LEFT JOIN objectos_sync.shapes s ON s.relid = o.relid",
          {}, Access::read_only);
      for (std::size_t i = 0; i < rows.size(); ++i)
        found[static_cast<Oid>(rows.int8(i, 0).value_or(0))] = rows.int8(i, 1).value_or(0);
      rows.release();
      return found;
    });
  });
  pg_call([] { PopActiveSnapshot(); });
  for (const ObjectView& object : objects) {
    const auto found = present.find(object.info.relid);
    if (found != present.end() && found->second == object.info.reshaped_at) continue;
    throw SyncError("40001",
                    "the table of object \"" + object.info.object +
                        "\" was altered after this transaction's snapshot was taken",
                    "", "Begin a new transaction and pull again.");
  }
}

View build_view(const ClientSubscription& subscription, const std::string& epoch, bool lock) {
  View view;
  std::set<Oid> roles;
  view.schema_json = "{\"epoch\":";
  append_json_string(view.schema_json, epoch);
  view.schema_json += ",\"protocol\":1,\"objects\":[";
  for (ObjectInfo& info : all_objects()) {
    if (!info.visible || !subscription.wants(info.object)) continue;
    if (lock) require_storage_seen(info);
    if (info.row_security && roles.empty()) roles = memberships();
    if (!view.objects.empty()) view.schema_json += ',';
    describe_object(view.schema_json, info);
    ObjectView object;
    // A filter that does not fit any more stops pulling, not what only asks for the schema.
    if (lock) {
      object.filter = subscription.condition(info);
      object.deciding_columns = subscription.deciding_columns(info);
    }
    object.fingerprint = fingerprint_of(info, roles, object.filter);
    object.modified_at_readable = readable(info.relid, info.modified_at_attnum);
    object.modified_by_readable = readable(info.relid, info.modified_by_attnum);
    object.info = std::move(info);
    view.objects.push_back(std::move(object));
  }
  if (lock) require_shapes_seen(view.objects);
  view.schema_fingerprint = fnv1a64(view.schema_json);
  view.schema_json += "],\"fingerprint\":\"" + std::to_string(view.schema_fingerprint) + "\"}";
  return view;
}

}  // namespace

const ObjectView* View::find(const std::string& object) const {
  for (const ObjectView& view : objects) {
    if (view.info.object == object) return &view;
  }
  return nullptr;
}

bool ObjectView::decides(const std::string& column) const {
  return std::find(deciding_columns.begin(), deciding_columns.end(), column) !=
         deciding_columns.end();
}

View open_view(const PullClient& client) {
  return build_view(ClientSubscription(client), client.epoch, true);
}
View describe_view(const PullClient& client) {
  return build_view(ClientSubscription(client), client.epoch, false);
}
View describe_everything(const std::string& epoch) {
  return build_view(ClientSubscription(), epoch, false);
}

}  // namespace objectos::server
