#include "pg_ext/json_form.h"

#include <cmath>
#include <cstring>

#include "pg_ext/value_forms.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// The functions below run inside a guard and create plain data only; memory is the current
// context's.

// As escape_json() does, but what needs no escape goes in one piece.
void put_string(StringInfo out, const char* text, int length) {
  static const char hex[] = "0123456789abcdef";
  appendStringInfoChar(out, '"');
  int from = 0;
  for (int at = 0; at < length; ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    appendBinaryStringInfo(out, text + from, at - from);
    from = at + 1;
    appendStringInfoChar(out, '\\');
    switch (c) {
      case '"':
      case '\\':
        appendStringInfoChar(out, static_cast<char>(c));
        break;
      case '\b':
        appendStringInfoChar(out, 'b');
        break;
      case '\f':
        appendStringInfoChar(out, 'f');
        break;
      case '\n':
        appendStringInfoChar(out, 'n');
        break;
      case '\r':
        appendStringInfoChar(out, 'r');
        break;
      case '\t':
        appendStringInfoChar(out, 't');
        break;
      default:
        appendBinaryStringInfo(out, "u00", 3);
        appendStringInfoChar(out, hex[c >> 4]);
        appendStringInfoChar(out, hex[c & 15]);
    }
  }
  appendBinaryStringInfo(out, text + from, length - from);
  appendStringInfoChar(out, '"');
}

void put_text(StringInfo out, Datum value) {
  const auto* text = PG_DETOAST_DATUM_PACKED(value);
  put_string(out, VARDATA_ANY(text), static_cast<int>(VARSIZE_ANY_EXHDR(text)));
}

void put_integer(StringInfo out, int64 value) {
  char digits[MAXINT8LEN + 1];
  appendBinaryStringInfo(out, digits, pg_lltoa(value, digits));
}

void put_uuid(StringInfo out, Datum value) {
  static const char hex[] = "0123456789abcdef";
  const auto* bytes = reinterpret_cast<const unsigned char*>(DatumGetPointer(value));
  char text[40];
  char* at = text;
  *at++ = '"';
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    *at++ = hex[bytes[i] >> 4];
    *at++ = hex[bytes[i] & 15];
  }
  *at++ = '"';
  appendBinaryStringInfo(out, text, static_cast<int>(at - text));
}

void put_real(StringInfo out, double value, bool single) {
  if (std::isnan(value)) {
    appendStringInfoString(out, "\"NaN\"");
  } else if (std::isinf(value)) {
    appendStringInfoString(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    char digits[DOUBLE_SHORTEST_DECIMAL_LEN];
    if (single)
      float_to_shortest_decimal_buf(static_cast<float>(value), digits);
    else
      double_to_shortest_decimal_buf(value, digits);
    appendStringInfoString(out, digits);
  }
}

void put_numeric(StringInfo out, Datum value) {
  const char* digits = DatumGetCString(DirectFunctionCall1(numeric_out, value));
  const char last = digits[std::strlen(digits) - 1];
  if (last >= '0' && last <= '9')
    appendStringInfoString(out, digits);
  else
    appendStringInfo(out, "\"%s\"", digits);
}

void put_bytes(StringInfo out, Datum value) {
  static const char hex[] = "0123456789abcdef";
  const auto* bytes = PG_DETOAST_DATUM_PACKED(value);
  const auto* data = reinterpret_cast<const unsigned char*>(VARDATA_ANY(bytes));
  const int length = VARSIZE_ANY_EXHDR(bytes);
  appendStringInfoString(out, "\"\\\\x");
  enlargeStringInfo(out, length * 2 + 1);
  for (int i = 0; i < length; ++i) {
    out->data[out->len++] = hex[data[i] >> 4];
    out->data[out->len++] = hex[data[i] & 15];
  }
  appendStringInfoChar(out, '"');
}

void put_moment(StringInfo out, Oid type, Datum value) {
  char text[MAXDATELEN + 1];
  const int utc = 0;
  JsonEncodeDateTime(text, value, type, &utc);
  appendStringInfoChar(out, '"');
  appendStringInfoString(out, text);
  appendStringInfoChar(out, '"');
}

void put_by_output(StringInfo out, Oid type, Datum value) {
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(type, &output, &is_varlena);
  escape_json(out, OidOutputFunctionCall(output, value));
}

void put_value(StringInfo out, Oid type, Datum value);

struct ArrayCursor {
  Oid element_type;
  const int* dimensions;
  int dimension_count;
  const Datum* values;
  const bool* nulls;
  int next;
};

void put_dimension(StringInfo out, ArrayCursor* cursor, int dimension) {
  check_stack_depth();
  appendStringInfoChar(out, '[');
  for (int i = 0; i < cursor->dimensions[dimension]; ++i) {
    if (i > 0) appendStringInfoChar(out, ',');
    if (dimension + 1 < cursor->dimension_count) {
      put_dimension(out, cursor, dimension + 1);
      continue;
    }
    const int at = cursor->next++;
    if (cursor->nulls[at])
      appendStringInfoString(out, "null");
    else
      put_value(out, cursor->element_type, cursor->values[at]);
  }
  appendStringInfoChar(out, ']');
}

// Arrays whose lower bounds are not 1 have no JSON array that says so: they go as their literal.
void put_array(StringInfo out, Oid type, Oid element, Datum value) {
  ArrayType* array = DatumGetArrayTypeP(value);
  const int count = ARR_NDIM(array);
  for (int i = 0; i < count; ++i) {
    if (ARR_LBOUND(array)[i] != 1) {
      put_by_output(out, type, value);
      return;
    }
  }
  if (count == 0) {
    appendStringInfoString(out, "[]");
    return;
  }
  int16 length;
  bool by_value;
  char align;
  get_typlenbyvalalign(element, &length, &by_value, &align);
  Datum* values;
  bool* nulls;
  int total;
  deconstruct_array(array, element, length, by_value, align, &values, &nulls, &total);
  ArrayCursor cursor{element, ARR_DIMS(array), count, values, nulls, 0};
  put_dimension(out, &cursor, 0);
}

void put_other(StringInfo out, Oid type, Datum value) {
  const Oid base = getBaseType(type);
  if (base != type) {
    put_value(out, base, value);
    return;
  }
  const Oid element =
      type == INT2VECTOROID || type == OIDVECTOROID ? InvalidOid : get_element_type(type);
  if (OidIsValid(element))
    put_array(out, type, element, value);
  else
    put_by_output(out, type, value);
}

void put_value(StringInfo out, Oid type, Datum value) {
  switch (type) {
    case BOOLOID:
      appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
      break;
    case INT2OID:
      put_integer(out, DatumGetInt16(value));
      break;
    case INT4OID:
      put_integer(out, DatumGetInt32(value));
      break;
    case INT8OID:
      put_integer(out, DatumGetInt64(value));
      break;
    case OIDOID:
      put_integer(out, DatumGetObjectId(value));
      break;
    case FLOAT4OID:
      put_real(out, DatumGetFloat4(value), true);
      break;
    case FLOAT8OID:
      put_real(out, DatumGetFloat8(value), false);
      break;
    case NUMERICOID:
      put_numeric(out, value);
      break;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case JSONOID:
      put_text(out, value);
      break;
    case JSONBOID: {
      const Jsonb* document = DatumGetJsonbP(value);
      escape_json(out,
                  JsonbToCString(nullptr, &const_cast<Jsonb*>(document)->root, VARSIZE(document)));
      break;
    }
    case BYTEAOID:
      put_bytes(out, value);
      break;
    case UUIDOID:
      put_uuid(out, value);
      break;
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
      put_moment(out, type, value);
      break;
    default:
      put_other(out, type, value);
  }
}

// The memory that texts are built in, emptied when it is used again (at once after a big text).
// An output function may call for another text while one is built: that one gets memory of its own.
struct FormMemory {
  static MemoryContext kept;
  static bool in_use;
  static constexpr int big_bytes = 1 << 20;

  FormMemory() : own(in_use) {
    if (!own) in_use = true;
  }
  ~FormMemory() {
    if (!own) in_use = false;
  }
  // Inside a guard.
  MemoryContext open() const {
    if (own) {
      return AllocSetContextCreate(CurrentMemoryContext, "objectos_sync form",
                                   ALLOCSET_DEFAULT_SIZES);
    }
    if (kept == nullptr) {
      kept = AllocSetContextCreate(TopMemoryContext, "objectos_sync forms", ALLOCSET_DEFAULT_SIZES);
    }
    MemoryContextReset(kept);
    return kept;
  }
  const bool own;
};
MemoryContext FormMemory::kept = nullptr;
bool FormMemory::in_use = false;

// Builds a text in such memory and hands it to a std::string outside the guard.
template <typename Build>
void append_built(std::string& out, const Build& build) {
  struct Built {
    MemoryContext context;
    const char* data;
    int length;
  };
  const FormMemory memory;
  const Built built = pg_call([&] {
    const MemoryContext context = memory.open();
    const MemoryContext before = MemoryContextSwitchTo(context);
    StringInfoData text;
    initStringInfo(&text);
    build(&text);
    MemoryContextSwitchTo(before);
    return Built{context, text.data, text.len};
  });
  out.append(built.data, static_cast<std::size_t>(built.length));
  if (memory.own) {
    pg_call([&] { MemoryContextDelete(built.context); });
  } else if (built.length > FormMemory::big_bytes) {
    pg_call([&] { MemoryContextReset(built.context); });
  }
}

bool needs_pinning(Oid type) {
  switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case OIDOID:
    case FLOAT4OID:
    case FLOAT8OID:
    case NUMERICOID:
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
    case JSONOID:
    case JSONBOID:
    case BYTEAOID:
    case DATEOID:
    case TIMESTAMPOID:
    case TIMESTAMPTZOID:
    case UUIDOID:
      return false;
    default:
      return true;
  }
}

template <typename Work>
void pinned_if(bool needed, const Work& work) {
  if (needed)
    as_pinned(work);
  else
    work();
}

}  // namespace

void append_json_form(std::string& out, Oid type, Datum value, bool is_null) {
  if (is_null) {
    out += "null";
    return;
  }
  pinned_if(needs_pinning(type),
            [&] { append_built(out, [&](StringInfo text) { put_value(text, type, value); }); });
}

void append_row_form(std::string& out, const std::vector<const ColumnInfo*>& columns,
                     const Datum* values, const bool* nulls) {
  bool pin = false;
  for (const ColumnInfo* column : columns) pin = pin || needs_pinning(column->base_type);
  pinned_if(pin, [&] {
    append_built(out, [&](StringInfo text) {
      appendStringInfoChar(text, '{');
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (i > 0) appendStringInfoChar(text, ',');
        put_string(text, columns[i]->name.data(), static_cast<int>(columns[i]->name.size()));
        appendStringInfoChar(text, ':');
        if (nulls[i])
          appendStringInfoString(text, "null");
        else
          put_value(text, columns[i]->base_type, values[i]);
      }
      appendStringInfoChar(text, '}');
    });
  });
}

void append_value_forms(std::string& out, std::size_t* ends,
                        const std::vector<const ColumnInfo*>& columns, const Datum* values,
                        const bool* nulls) {
  bool pin = false;
  for (const ColumnInfo* column : columns) pin = pin || needs_pinning(column->base_type);
  const std::size_t start = out.size();
  pinned_if(pin, [&] {
    append_built(out, [&](StringInfo text) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (nulls[i])
          appendStringInfoString(text, "null");
        else
          put_value(text, columns[i]->base_type, values[i]);
        ends[i] = start + static_cast<std::size_t>(text->len);
      }
    });
  });
}

namespace {

// The frequent key types, without memory context and guard: uuid and the integers by value.
bool plain_bare_form(std::string& out, Oid type, Datum value) {
  static const char digits[] = "0123456789abcdef";
  switch (type) {
    case INT2OID:
      out = std::to_string(DatumGetInt16(value));
      return true;
    case INT4OID:
      out = std::to_string(DatumGetInt32(value));
      return true;
    case INT8OID:
      out = std::to_string(DatumGetInt64(value));
      return true;
    case UUIDOID: {
      char text[2 * UUID_LEN + 4];
      char* to = text;
      const unsigned char* const bytes = DatumGetUUIDP(value)->data;
      for (int i = 0; i < UUID_LEN; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
      }
      out.assign(text, sizeof text);
      return true;
    }
    default:
      return false;
  }
}

// A string's content without quotes and escapes; other forms as they are.
std::string bare_form(Oid type, Datum value) {
  std::string form;
  if (plain_bare_form(form, type, value)) return form;
  append_json_form(form, type, value, false);
  if (form.empty() || form[0] != '"') return form;
  if (form.find('\\') == std::string::npos) return form.substr(1, form.size() - 2);
  return parse_json(form).text();
}

}  // namespace

std::string record_id_of(const std::vector<const ColumnInfo*>& key, const Datum* values) {
  if (key.size() == 1) return bare_form(key[0]->base_type, values[0]);
  std::string out = "[";
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i > 0) out += ',';
    append_json_form(out, key[i]->base_type, values[i], false);
  }
  return out + "]";
}

namespace detail {

int pin_settings() {
  struct Setting {
    const char* name;
    const char* value;
  };
  static constexpr Setting settings[] = {
      {"DateStyle", "ISO, YMD"},
      {"IntervalStyle", "iso_8601"},
      {"TimeZone", "UTC"},
      {"bytea_output", "hex"},
      {"extra_float_digits", "1"},
      {"search_path", "pg_catalog, pg_temp"},  // unnamed, pg_temp would come first
      {"quote_all_identifiers", "off"},
      {"lc_monetary", "C"},
      {"array_nulls", "on"},
      {"xmloption", "content"},
  };
  return pg_call([] {
    const int level = NewGUCNestLevel();
    for (const Setting& setting : settings)
      set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                        true, 0, false);
    return level;
  });
}

void unpin_settings(int level) {
  pg_call([&] { AtEOXact_GUC(true, level); });
}

}  // namespace detail

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(json_form) {
  const Oid type = pg_call([&] { return get_fn_expr_argtype(call->flinfo, 0); });
  return text_result(bare_form(type, call->args[0].value));
}
