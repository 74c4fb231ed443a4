#include "pg_ext/catalog.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/object_rules.h"

#include "pg_ext/own_rows.h"
#include "pg_ext/pg.h"
#include "pg_ext/spi.h"

namespace objectos::server {

namespace {

struct KeptObject {
  ObjectInfo info;
  std::uint64_t named = 0;  // names_changed at that time
};

// What does not depend on the caller, kept per backend until the relation's definition changes.
std::unordered_map<Oid, KeptObject>& kept_objects() {
  static std::unordered_map<Oid, KeptObject> objects;
  return objects;
}

// How often a type, an operator or a schema was changed, whose names are in what is kept. Who
// captures needs none of them; who describes a table does.
std::uint64_t names_changed = 0;

void forget_names(Datum, int, uint32) {
  ++names_changed;
}

// Forgetting allocates nothing and cannot fail.
void forget_relation(Datum, Oid relid) {
  if (relid == InvalidOid)
    kept_objects().clear();
  else
    kept_objects().erase(relid);
}

void watch_relations() {
  static bool watching = false;
  if (watching) return;
  pg_call([] {
    CacheRegisterRelcacheCallback(forget_relation, 0);
    for (const int cache : {TYPEOID, OPEROID, NAMESPACEOID})
      CacheRegisterSyscacheCallback(cache, forget_names, 0);
  });
  watching = true;
}

std::string operator_name(Oid type) {
  struct Names {
    const char* schema;
    const char* name;
  };
  const Names names = pg_call([&] {
    const TypeCacheEntry* entry = lookup_type_cache(getBaseType(type), TYPECACHE_EQ_OPR);
    if (!OidIsValid(entry->eq_opr)) return Names{nullptr, nullptr};
    const HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(entry->eq_opr));
    const auto form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    Names found{get_namespace_name(form->oprnamespace), pstrdup(NameStr(form->oprname))};
    ReleaseSysCache(tuple);
    return found;
  });
  if (names.name == nullptr) return "OPERATOR(pg_catalog.=)";
  return "OPERATOR(" + quote_identifier(names.schema) + "." + names.name + ")";
}

// As in CREATE TABLE; schema-qualified unless the type is built in, so that it does not depend on
// search_path.
std::string type_text(Oid type, std::int32_t typmod) {
  return pg_call([&] {
    const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    const Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace;
    ReleaseSysCache(tuple);
    const bits16 flags = FORMAT_TYPE_TYPEMOD_GIVEN |
                         (schema == PG_CATALOG_NAMESPACE ? 0 : FORMAT_TYPE_FORCE_QUALIFY);
    return format_type_extended(type, typmod, flags);
  });
}

// While it lives, names are quoted where they must be, whatever the session says.
class PlainNames {
 public:
  PlainNames() { quote_all_identifiers = false; }
  ~PlainNames() { quote_all_identifiers = before_; }
  PlainNames(const PlainNames&) = delete;
  PlainNames& operator=(const PlainNames&) = delete;

 private:
  const bool before_ = quote_all_identifiers;
};

char array_delimiter(Oid type) {
  return pg_call([&] {
    const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(getBaseType(type)));
    const char delimiter = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typdelim;
    ReleaseSysCache(tuple);
    return delimiter;
  });
}

bool is_ours(std::string_view name) {
  return name == "_version" || name == "_modified_at" || name == "_modified_by";
}

ColumnInfo column_of(Form_pg_attribute attribute) {
  ColumnInfo column;
  column.attnum = attribute->attnum;
  column.name = NameStr(attribute->attname);
  column.quoted = quote_identifier(column.name);
  column.type = attribute->atttypid;
  column.base_type = pg_call([&] { return getBaseType(attribute->atttypid); });
  column.typmod = attribute->atttypmod;
  column.collation = attribute->attcollation;
  column.type_text = type_text(column.type, column.typmod);
  column.kind = kind_of_type(column.type);
  if (column.kind == ValueKind::array) column.array_delimiter = array_delimiter(column.type);
  column.not_null = attribute->attnotnull;
  column.generated = attribute->attgenerated != '\0';
  column.has_default = attribute->atthasdef || attribute->attidentity != '\0';
  column.identity = attribute->attidentity;
  column.by_value = attribute->attbyval;
  column.length = attribute->attlen;
  return column;
}

void load_columns(Relation relation, ObjectInfo& object) {
  const PlainNames plain;
  const TupleDesc shape = RelationGetDescr(relation);
  for (int i = 0; i < shape->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(shape, i);
    if (attribute->attisdropped) continue;
    const std::string_view name = NameStr(attribute->attname);
    if (!is_ours(name)) {
      object.columns.push_back(column_of(attribute));
    } else if (name == "_version") {
      object.version_attnum = attribute->attnum;
    } else if (name == "_modified_at") {
      object.modified_at_attnum = attribute->attnum;
    } else {
      object.modified_by_attnum = attribute->attnum;
    }
  }
}

void load_key(Relation relation, ObjectInfo& object) {
  struct Key {
    int count;
    AttrNumber attnums[INDEX_MAX_KEYS];
  };
  const Key key = pg_call([&] {
    Key found{};
    const Oid index = RelationGetPrimaryKeyIndex(relation);
    if (!OidIsValid(index)) return found;
    const HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
    const auto form = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    found.count = form->indnkeyatts;
    for (int i = 0; i < found.count; ++i) found.attnums[i] = form->indkey.values[i];
    ReleaseSysCache(tuple);
    return found;
  });
  for (int i = 0; i < key.count; ++i) {
    for (std::size_t at = 0; at < object.columns.size(); ++at) {
      ColumnInfo& column = object.columns[at];
      if (column.attnum != key.attnums[i]) continue;
      column.in_key = true;
      const KeyDefault by_default = key_default(relation, column.attnum);
      column.key_source = by_default.source;
      column.sequence = by_default.sequence;
      column.equals = operator_name(column.type);
      object.key.push_back(at);
    }
  }
}

void mark_texts(ObjectInfo& object) {
  const ObjectRules rules =
      parse_object_rules(object.strategy, object.on_conflict, object.deletes, object.fields_json);
  object.has_texts = false;
  for (ColumnInfo& column : object.columns) {
    const auto own = rules.fields.find(column.name);
    const Strategy strategy = own == rules.fields.end() ? rules.strategy : own->second;
    const bool texts = column.base_type == TEXTOID || column.base_type == VARCHAROID;
    column.merges_text = strategy == Strategy::text && texts && !column.in_key && !column.generated;
    object.has_texts |= column.merges_text;
  }
}

// The shape as it is kept, beside the object's own row of objectos_sync.objects. The table's lock
// is held, so every change of it is known. False: it is to be read anew.
bool take_kept_shape(ObjectInfo& object) {
  const auto found = kept_objects().find(object.relid);
  if (found == kept_objects().end() || found->second.named != names_changed) return false;
  ObjectInfo& kept = found->second.info;
  object.schema = kept.schema;
  object.table = kept.table;
  object.qualified = kept.qualified;
  object.columns = kept.columns;
  object.key = kept.key;
  object.version_attnum = kept.version_attnum;
  object.modified_at_attnum = kept.modified_at_attnum;
  object.modified_by_attnum = kept.modified_by_attnum;
  const auto row = [](const ObjectInfo& o) {
    return std::tie(o.root, o.object, o.strategy, o.on_conflict, o.deletes, o.fields_json,
                    o.reshaped_at, o.rekeyed_at, o.texts_from);
  };
  object.has_texts = kept.has_texts;
  if (row(kept) != row(object)) {
    mark_texts(object);
    ObjectInfo present = object;  // copied first: a copy that fails half-way must not stay
    kept = std::move(present);
  }
  return true;
}

// The row of objectos_sync.objects and the table's shape. False when the table is gone.
bool load_shape(ObjectInfo& object) {
  const Oid relid = object.relid;
  const Relation relation = pg_call([&] { return try_relation_open(relid, AccessShareLock); });
  if (relation == nullptr) return false;
  if (take_kept_shape(object)) {
    pg_call([&] { relation_close(relation, NoLock); });
    return true;
  }
  const std::uint64_t named = names_changed;
  object.table = RelationGetRelationName(relation);
  object.schema = pg_call([&] { return get_namespace_name(RelationGetNamespace(relation)); });
  object.qualified = quote_identifier(object.schema) + "." + quote_identifier(object.table);
  load_columns(relation, object);
  load_key(relation, object);
  mark_texts(object);
  pg_call([&] { relation_close(relation, NoLock); });
  // Copied first: a copy that fails half-way must not stay.
  KeptObject kept{object, named};
  kept_objects().insert_or_assign(relid, std::move(kept));
  return true;
}

std::vector<ObjectInfo> load_rows(const std::string& condition, const Params& params) {
  const std::string sql =
      "SELECT o.relid::oid, object, strategy, on_conflict, deletes, fields::text, reshaped_at, "
      "rekeyed_at, texts_from FROM objectos_sync.objects o "
      "LEFT JOIN objectos_sync.shapes s ON s.relid = o.relid WHERE " +
      condition + " ORDER BY object COLLATE \"C\"";
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(sql, params);
      std::vector<ObjectInfo> objects(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        ObjectInfo& object = objects[i];
        object.relid = object.root = static_cast<Oid>(*rows.int8(i, 0));
        object.object = rows.text_or(i, 1, "");
        object.strategy = rows.text_or(i, 2, "");
        object.on_conflict = rows.text_or(i, 3, "");
        object.deletes = rows.text_or(i, 4, "");
        object.fields_json = rows.text_or(i, 5, "{}");
        object.reshaped_at = rows.int8(i, 6).value_or(0);
        object.rekeyed_at = rows.int8(i, 7).value_or(0);
        object.texts_from = rows.int8(i, 8).value_or(0);
      }
      return objects;
    });
  });
}

// What the caller may do, asked each time: rights change without a change of the table.
void load_rights(ObjectInfo& object) {
  const Oid relid = object.relid;
  struct Rights {
    bool schema, table, version, row_security, insert;
  };
  const AttrNumber version = object.version_attnum;
  const char* schema = object.schema.c_str();
  const Rights rights = pg_call([&] {
    const Oid user = GetUserId();
    Rights found{};
    found.schema = object_usage_allowed(get_namespace_oid(schema, true), user);
    found.table = pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK;
    found.version =
        found.table ||
        (version > 0 && pg_attribute_aclcheck(relid, version, user, ACL_SELECT) == ACLCHECK_OK);
    found.insert = pg_class_aclcheck(relid, user, ACL_INSERT) == ACLCHECK_OK;
    found.row_security = check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED;
    return found;
  });
  object.row_security = rights.row_security;
  object.insertable = rights.schema;
  object.visible = rights.schema && rights.version && !object.key.empty();
  for (ColumnInfo& column : object.columns) {
    const AttrNumber attnum = column.attnum;
    column.selectable =
        rights.table || pg_call([&] {
          return pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
        });
    if (!column.in_key) continue;
    if (!column.selectable) object.visible = false;
    const bool insertable =
        rights.insert || pg_call([&] {
          return pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_INSERT) == ACLCHECK_OK;
        });
    if (!insertable) object.insertable = false;
  }
}

std::optional<ObjectInfo> complete(ObjectInfo object) {
  if (!load_shape(object)) return std::nullopt;
  load_rights(object);
  return object;
}

}  // namespace

const ColumnInfo* ObjectInfo::column(std::string_view name) const {
  for (const ColumnInfo& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

ObjectInfo readable_object(const std::string& name) {
  std::optional<ObjectInfo> object = object_by_name(name);
  if (!object || !object->visible) refuse_unknown_object(name);
  return std::move(*object);
}

void refuse_unknown_object(const std::string& name) {
  throw ProtocolError(ErrorCode::unknown_object, "there is no object " + json_string(name),
                      "It is not enabled for sync, or you may not read it.",
                      "sync_objects() lists the enabled ones.");
}

std::optional<ObjectInfo> object_by_relid(Oid relid) {
  watch_relations();
  const auto kept = kept_objects().find(relid);
  if (kept != kept_objects().end()) {
    ObjectInfo object = kept->second.info;
    load_rights(object);
    return object;
  }
  std::vector<ObjectInfo> rows = load_rows(
      // The catalog knows the root, too, where the list of partitions was not restored.
      "o.relid = $1::pg_catalog.oid OR o.relid = (SELECT root FROM objectos_sync.partitions WHERE "
      "relid = $1::pg_catalog.oid) OR o.relid = pg_catalog.pg_partition_root($1::pg_catalog.oid)",
      {Param::of_type(OIDOID, std::to_string(relid))});
  if (rows.empty()) return std::nullopt;
  rows[0].relid = relid;
  return complete(std::move(rows[0]));
}

std::optional<ObjectInfo> object_by_name(std::string_view name) {
  watch_relations();
  std::vector<ObjectInfo> rows = load_rows("object = $1", {Param::text(name)});
  if (rows.empty()) return std::nullopt;
  return complete(std::move(rows[0]));
}

// What load_rows() would say of all, without its statement: each pull asks.
static std::vector<ObjectInfo> all_rows() {
  pg_call([] {
    CommandCounterIncrement();
    PushActiveSnapshot(GetTransactionSnapshot());
  });
  const std::vector<OwnRow> rows =
      own_rows("objects", {"relid", "object", "strategy", "on_conflict", "deletes", "fields"});
  const std::vector<OwnRow> shapes =
      own_rows("shapes", {"relid", "reshaped_at", "rekeyed_at", "texts_from"});
  pg_call([] { PopActiveSnapshot(); });
  std::unordered_map<std::int64_t, const OwnRow*> shape_of;
  for (const OwnRow& shape : shapes) shape_of.emplace(number_or(shape[0], 0), &shape);
  std::vector<ObjectInfo> objects(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ObjectInfo& object = objects[i];
    const std::int64_t relid = number_or(rows[i][0], 0);
    object.relid = object.root = static_cast<Oid>(relid);
    object.object = rows[i][1].value_or("");
    object.strategy = rows[i][2].value_or("");
    object.on_conflict = rows[i][3].value_or("");
    object.deletes = rows[i][4].value_or("");
    object.fields_json = rows[i][5].value_or("{}");
    const auto shape = shape_of.find(relid);
    if (shape == shape_of.end()) continue;
    object.reshaped_at = number_or((*shape->second)[1], 0);
    object.rekeyed_at = number_or((*shape->second)[2], 0);
    object.texts_from = number_or((*shape->second)[3], 0);
  }
  std::sort(objects.begin(), objects.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.object < b.object; });
  return objects;
}

std::vector<ObjectInfo> all_objects() {
  watch_relations();
  std::vector<ObjectInfo> found;
  for (ObjectInfo& row : all_rows()) {
    if (auto object = complete(std::move(row))) found.push_back(std::move(*object));
  }
  return found;
}

ValueKind kind_of_type(Oid type) {
  struct Found {
    bool array;
    NameData name;
  };
  const Found found = pg_call([&] {
    Found result{};
    const Oid base = getBaseType(type);
    if (base == INT2VECTOROID || base == OIDVECTOROID) return result;
    result.array = OidIsValid(get_element_type(base));
    const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(base));
    if (!HeapTupleIsValid(tuple)) return result;
    const auto form = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
    if (form->typnamespace == PG_CATALOG_NAMESPACE) result.name = form->typname;
    ReleaseSysCache(tuple);
    return result;
  });
  if (found.array) return ValueKind::array;
  return kind_of_pg_type(NameStr(found.name));
}

Oid internal_relation(const char* name) {
  const Oid relation =
      pg_call([&] { return get_relname_relid(name, get_namespace_oid("objectos_sync", false)); });
  if (!OidIsValid(relation))
    throw SyncError("42P01", std::string("relation objectos_sync.") + name + " is missing");
  return relation;
}

Oid extension_owner() {
  const Oid owner = pg_call([] {
    const HeapTuple tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("objectos_sync"));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    const Oid found = reinterpret_cast<Form_pg_namespace>(GETSTRUCT(tuple))->nspowner;
    ReleaseSysCache(tuple);
    return found;
  });
  if (!OidIsValid(owner)) throw SyncError("3F000", "schema objectos_sync is missing");
  return owner;
}

}  // namespace objectos::server
