#include "pg_ext/hidden_rows.h"

#include "pg_ext/boundary.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_constraint.h"
}

namespace objectos::server {

namespace {

// Runs guarded.
bool may_read_columns(Oid relid, const char* constraint) {
  const Oid user = GetUserId();
  if (pg_class_aclcheck(relid, user, ACL_SELECT) == ACLCHECK_OK) return true;
  Oid found = InvalidOid;
  const Bitmapset* const columns = get_relation_constraint_attnos(relid, constraint, true, &found);
  if (!OidIsValid(found))
    return pg_attribute_aclcheck_all(relid, user, ACL_SELECT, ACLMASK_ALL) == ACLCHECK_OK;
  for (int at = -1; (at = bms_next_member(columns, at)) >= 0;) {
    const auto attnum = static_cast<AttrNumber>(at + FirstLowInvalidHeapAttributeNumber);
    if (pg_attribute_aclcheck(relid, attnum, user, ACL_SELECT) != ACLCHECK_OK) return false;
  }
  return true;
}

}  // namespace

bool hides_rows(const std::string& schema, const std::string& table,
                const std::string& constraint) {
  if (table.empty()) return false;
  const char *schema_name = schema.c_str(), *table_name = table.c_str(),
             *constraint_name = constraint.c_str();
  return pg_call([&] {
    const Oid relid = get_relname_relid(table_name, get_namespace_oid(schema_name, true));
    if (!OidIsValid(relid)) return true;
    if (check_enable_rls(relid, InvalidOid, true) == RLS_ENABLED) return true;
    return !may_read_columns(relid, constraint_name);
  });
}

}  // namespace objectos::server
