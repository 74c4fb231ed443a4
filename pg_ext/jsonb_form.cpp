#include "pg_ext/jsonb_form.h"

#include "pg_ext/json_form.h"
#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

void set_text(JsonbValue& to, ::Datum value) {
  text* const plain = DatumGetTextPP(value);
  to.type = jbvString;
  to.val.string.val = VARDATA_ANY(plain);
  to.val.string.len = static_cast<int>(VARSIZE_ANY_EXHDR(plain));
}

void set_integer(JsonbValue& to, std::int64_t number) {
  to.type = jbvNumeric;
  to.val.numeric = int64_to_numeric(number);
}

void set_numeric(JsonbValue& to, ::Datum value) {
  const Numeric number = DatumGetNumeric(value);
  if (numeric_is_nan(number) || numeric_is_inf(number)) {
    to.type = jbvString;
    to.val.string.val = DatumGetCString(DirectFunctionCall1(numeric_out, value));
    to.val.string.len = static_cast<int>(strlen(to.val.string.val));
    return;
  }
  to.type = jbvNumeric;
  to.val.numeric = number;
}

// As json_form writes it: ISO, in UTC.
bool set_moment(JsonbValue& to, Oid type, ::Datum value) {
  const int utc = 0;
  auto* const buffer = static_cast<char*>(palloc(MAXDATELEN + 1));
  to.type = jbvString;
  to.val.string.val =
      JsonEncodeDateTime(buffer, value, type, type == TIMESTAMPTZOID ? &utc : nullptr);
  to.val.string.len = static_cast<int>(strlen(to.val.string.val));
  return true;
}

// False: not one of the frequent types. Runs inside a guard.
bool set_directly(JsonbValue& to, Oid type, ::Datum value) {
  switch (type) {
    case BOOLOID:
      to.type = jbvBool;
      to.val.boolean = DatumGetBool(value);
      return true;
    case INT2OID:
      set_integer(to, DatumGetInt16(value));
      return true;
    case INT4OID:
      set_integer(to, DatumGetInt32(value));
      return true;
    case INT8OID:
      set_integer(to, DatumGetInt64(value));
      return true;
    case OIDOID:
      set_integer(to, DatumGetObjectId(value));
      return true;
    case NUMERICOID:
      set_numeric(to, value);
      return true;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
      set_text(to, value);
      return true;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      return set_moment(to, type, value);
    case UUIDOID:
      to.type = jbvString;
      to.val.string.val = DatumGetCString(DirectFunctionCall1(uuid_out, value));
      to.val.string.len = 36;
      return true;
    default:
      return false;
  }
}

// From the JSON text of a form. Runs inside a guard.
void set_parsed(JsonbValue& to, const char* json) {
  Jsonb* const parsed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
  if (JsonbExtractScalar(&parsed->root, &to)) return;
  to.type = jbvBinary;
  to.val.binary.data = &parsed->root;
  to.val.binary.len = static_cast<int>(VARSIZE(parsed)) - VARHDRSZ;
}

}  // namespace

bool has_direct_form(Oid base_type) noexcept {
  switch (base_type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case NUMERICOID:
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case UUIDOID:
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      return true;
    default:
      return false;
  }
}

Datum jsonb_row(const std::vector<const ColumnInfo*>& columns, const std::vector<char>& wanted,
                const Datum* values, const bool* nulls) {
  std::string form;  // reused by the types that are not built directly
  return pg_call([&] {
    JsonbParseState* state = nullptr;
    pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (!wanted[i]) continue;
      const ColumnInfo& column = *columns[i];
      JsonbValue key;
      key.type = jbvString;
      key.val.string.val = const_cast<char*>(column.name.data());
      key.val.string.len = static_cast<int>(column.name.size());
      pushJsonbValue(&state, WJB_KEY, &key);
      JsonbValue value;
      const int at = column.attnum - 1;
      if (nulls[at]) {
        value.type = jbvNull;
      } else if (!set_directly(value, column.base_type, values[at])) {
        form.clear();
        append_json_form(form, column.type, values[at], false);
        set_parsed(value, form.c_str());
      }
      pushJsonbValue(&state, WJB_VALUE, &value);
    }
    return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
  });
}

}  // namespace objectos::server
