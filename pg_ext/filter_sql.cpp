#include "pg_ext/filter_sql.h"

#include "pg_ext/boundary.h"
#include "pg_ext/json_form.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/stratnum.h"
#include "parser/parse_coerce.h"
}

namespace objectos::server {

namespace {

constexpr const char* subscribe_hint = "Call sync_subscribe() with a filter that fits.";

[[noreturn]] void refuse(const ObjectInfo& object, std::string message, std::string detail) {
  throw ProtocolError(ErrorCode::invalid_subscription, std::move(message),
                      "Object " + object.object + ": " + std::move(detail), subscribe_hint);
}

// One error for what is not there and what may not be read.
[[noreturn]] void refuse_column(const ObjectInfo& object, const std::string& name) {
  refuse(object, "the filter names a column that cannot be read",
         "there is no column \"" + name + "\" that you may SELECT.");
}

const ColumnInfo& column_of(const ObjectInfo& object, const FilterColumns& columns,
                            const std::string& name) {
  const auto known = columns.find(name);
  for (const ColumnInfo& column : object.columns) {
    if (known != columns.end() && column.attnum == known->second && column.selectable) {
      return column;
    }
  }
  refuse_column(object, name);
}

// The operator of the type's default classes: "OPERATOR(pg_catalog.<)", or nothing.
std::optional<std::string> operator_of(Oid type, int strategy) {
  struct Names {
    const char* schema;
    const char* name;
  };
  const Names names = pg_call([&] {
    const TypeCacheEntry* entry =
        lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
    Oid found = InvalidOid;
    if (strategy == BTEqualStrategyNumber) {
      found = entry->eq_opr;
    } else if (OidIsValid(entry->btree_opf)) {
      found = get_opfamily_member(entry->btree_opf, entry->btree_opintype, entry->btree_opintype,
                                  static_cast<int16>(strategy));
    }
    if (!OidIsValid(found)) return Names{nullptr, nullptr};
    const HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(found));
    const auto form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const Names result{get_namespace_name(form->oprnamespace), pstrdup(NameStr(form->oprname))};
    ReleaseSysCache(tuple);
    return result;
  });
  if (names.name == nullptr) return std::nullopt;
  return "OPERATOR(" + quote_identifier(names.schema) + "." + names.name + ")";
}

// 'now' and the like would be another value at every pull: the object would be read without end.
bool says_when(Oid type, const std::string& text) {
  const bool of_time = pg_call([&] {
    Oid element = get_element_type(type);
    if (!OidIsValid(element)) element = get_range_subtype(type);
    return TypeCategory(OidIsValid(element) ? element : type) == TYPCATEGORY_DATETIME;
  });
  if (!of_time) return false;
  std::string folded;
  for (const char c : text) folded += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  for (const char* word : {"now", "today", "tomorrow", "yesterday"}) {
    if (folded.find(word) != std::string::npos) return true;
  }
  return false;
}

class Condition {
 public:
  Condition(const ObjectInfo& object, const FilterColumns& columns,
            const FilterVariables& variables)
      : object_(object), columns_(columns), variables_(variables) {}

  std::string of(const Filter& filter) const {
    if (filter.kind == Filter::Kind::test) return test(filter);
    std::string text = "(";
    for (const Filter& part : filter.parts) {
      if (text.size() > 1) text += filter.kind == Filter::Kind::all_of ? " AND " : " OR ";
      text += of(part);
    }
    return text + ')';
  }

 private:
  std::string test(const Filter& test) const {
    const ColumnInfo& column = column_of(object_, columns_, test.column);
    if (test.comparison == Comparison::is_null) return "t." + column.quoted + " IS NULL";
    if (test.comparison == Comparison::is_not_null) return "t." + column.quoted + " IS NOT NULL";
    const std::string subject = compared_column(column);
    const std::string sign = " " + operator_for(column, test.comparison) + " ";
    // Not every array of an array type's values is one: they are compared one by one.
    if (test.values.size() > 1 && column.kind != ValueKind::array) {
      std::string list;
      for (const FilterValue& value : test.values) {
        list += (list.empty() ? "" : ", ") + literal(column, value);
      }
      return "(" + subject + sign + "ANY (ARRAY[" + list + "]))";
    }
    std::string text;
    for (const FilterValue& value : test.values) {
      text += (text.empty() ? "" : " OR ") + subject + sign + literal(column, value);
    }
    text = "(" + text + ")";
    return test.comparison == Comparison::not_equal ? "(NOT " + text + ")" : text;
  }

  std::string operator_for(const ColumnInfo& column, Comparison comparison) const {
    static constexpr int strategies[] = {BTEqualStrategyNumber,   BTEqualStrategyNumber,
                                         BTLessStrategyNumber,    BTLessEqualStrategyNumber,
                                         BTGreaterStrategyNumber, BTGreaterEqualStrategyNumber};
    const int strategy = strategies[static_cast<int>(comparison)];
    if (auto found = operator_of(column.base_type, strategy)) return *found;
    refuse(object_, "the filter compares values that have no such order or equality",
           "column \"" + column.name + "\" is of type " + column.type_text + ".");
  }

  std::string literal(const ColumnInfo& column, const FilterValue& value) const {
    const std::optional<std::string> text = value.is_variable ? variable(value.text) : value.text;
    const std::string type = qualified_type(column.base_type);
    if (!text) return "NULL::" + type;
    if (says_when(column.base_type, *text)) {
      refuse(object_, "the filter has a value that changes with time",
             "column \"" + column.name + "\" is compared with \"" + *text + "\".");
    }
    return quote_literal(canonical(column, *text)) + "::" + type;
  }

  std::optional<std::string> variable(const std::string& name) const {
    if (name == "user") return variables_.user;
    if (name == "client") return variables_.client;
    return variables_.device;
  }

  // Read and written again under settings of ours: the same under those of any session.
  std::string canonical(const ColumnInfo& column, const std::string& text) const {
    const Oid type = column.base_type;
    const char* const input = text.c_str();
    try {
      return pg_call([&] {
        Oid function, param;
        bool is_varlena;
        getTypeInputInfo(type, &function, &param);
        const Datum datum = OidInputFunctionCall(function, const_cast<char*>(input), param, -1);
        getTypeOutputInfo(type, &function, &is_varlena);
        return static_cast<const char*>(OidOutputFunctionCall(function, datum));
      });
    } catch (const PgError& error) {
      if (error.sqlstate().compare(0, 2, "22") != 0) throw;
      refuse(object_, "the filter has a value that is not of the column's type",
             "column \"" + column.name + "\" is of type " + column.type_text + ": " +
                 error.message() + ".");
    }
  }

  const ObjectInfo& object_;
  const FilterColumns& columns_;
  const FilterVariables& variables_;
};

}  // namespace

std::string qualified_type(Oid type) {
  return pg_call([&] {
    return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
  });
}

std::optional<std::string> equality_operator(Oid base_type) {
  return operator_of(base_type, BTEqualStrategyNumber);
}

std::string compared_column(const ColumnInfo& column) {
  const std::string name = "t." + column.quoted;
  if (column.type == column.base_type) return name;
  return "(" + name + ")::" + qualified_type(column.base_type);
}

FilterColumns find_filter_columns(const ObjectInfo& object, const Filter& filter) {
  FilterColumns columns;
  for (const std::string& name : filter_columns(filter)) {
    const ColumnInfo* const column = object.column(name);
    if (column == nullptr || !column->selectable) refuse_column(object, name);
    columns[name] = column->attnum;
  }
  return columns;
}

std::string filter_condition(const ObjectInfo& object, const Filter& filter,
                             const FilterColumns& columns, const FilterVariables& variables) {
  return as_pinned([&] { return Condition(object, columns, variables).of(filter); });
}

}  // namespace objectos::server
