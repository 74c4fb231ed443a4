#include "pg_ext/key_source.h"

#include "pg_ext/pg.h"

extern "C" {
#include "nodes/primnodes.h"
#include "rewrite/rewriteHandler.h"
}

namespace objectos::server {

namespace {

// A serial column of int4 casts its nextval(), one of text its gen_random_uuid().
Node* without_casts(Node* node) {
  for (;;) {
    if (IsA(node, RelabelType)) {
      node = reinterpret_cast<Node*>(reinterpret_cast<RelabelType*>(node)->arg);
    } else if (IsA(node, CoerceViaIO)) {
      node = reinterpret_cast<Node*>(reinterpret_cast<CoerceViaIO*>(node)->arg);
    } else if (IsA(node, CoerceToDomain)) {
      node = reinterpret_cast<Node*>(reinterpret_cast<CoerceToDomain*>(node)->arg);
    } else if (IsA(node, FuncExpr)) {
      auto* call = reinterpret_cast<FuncExpr*>(node);
      const bool cast = call->funcformat != COERCE_EXPLICIT_CALL && list_length(call->args) == 1;
      if (!cast) return node;
      node = static_cast<Node*>(linitial(call->args));
    } else {
      return node;
    }
  }
}

bool makes_random_uuid(const FuncExpr* call) {
  if (call->funcresulttype != UUIDOID || call->args != NIL) return false;
  if (call->funcid == F_GEN_RANDOM_UUID) return true;
  const char* name = get_func_name(call->funcid);
  return name != nullptr &&
         (strcmp(name, "uuid_generate_v4") == 0 || strcmp(name, "gen_random_uuid") == 0);
}

// Runs guarded.
KeyDefault default_of(Node* expression) {
  Node* node = without_casts(expression);
  if (IsA(node, NextValueExpr)) {
    return {KeySource::sequence, reinterpret_cast<NextValueExpr*>(node)->seqid};
  }
  if (!IsA(node, FuncExpr)) return {};
  auto* call = reinterpret_cast<FuncExpr*>(node);
  if (makes_random_uuid(call)) return {KeySource::uuid, 0};
  if (call->funcid != F_NEXTVAL) return {};
  auto* argument = static_cast<Node*>(linitial(call->args));
  if (!IsA(argument, Const)) return {};  // a name that is looked up at every call
  auto* name = reinterpret_cast<Const*>(argument);
  if (name->constisnull) return {};
  return {KeySource::sequence, DatumGetObjectId(name->constvalue)};
}

bool is_integer(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID;
}

}  // namespace

KeyDefault key_default(void* relation, std::int16_t attnum) {
  auto* const table = static_cast<Relation>(relation);
  return pg_call([&] {
    const Form_pg_attribute column = TupleDescAttr(RelationGetDescr(table), attnum - 1);
    const bool has_default = column->atthasdef || column->attidentity != '\0';
    if (!has_default || column->attgenerated != '\0') return KeyDefault{};
    Node* expression = build_column_default(table, attnum);
    if (expression == nullptr) return KeyDefault{};
    const KeyDefault found = default_of(expression);
    const bool fits =
        found.source != KeySource::sequence || is_integer(getBaseType(column->atttypid));
    return fits ? found : KeyDefault{};
  });
}

}  // namespace objectos::server
