#include "pg_ext/jsonb_form.h"

#include <algorithm>

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

namespace {

// What a JEntry says of a value, and the bytes that stand for it. Only numbers and containers are
// aligned.
struct Piece {
  uint32 kind;
  const char* bytes;
  int size;
  bool aligned;
};

Piece piece_of(const JsonbValue& value) {
  switch (value.type) {
    case jbvNull:
      return {JENTRY_ISNULL, nullptr, 0, false};
    case jbvBool:
      return {value.val.boolean ? uint32{JENTRY_ISBOOL_TRUE} : uint32{JENTRY_ISBOOL_FALSE}, nullptr,
              0, false};
    case jbvString:
      return {JENTRY_ISSTRING, value.val.string.val, value.val.string.len, false};
    case jbvNumeric:
      return {JENTRY_ISNUMERIC, reinterpret_cast<const char*>(value.val.numeric),
              static_cast<int>(VARSIZE_ANY(value.val.numeric)), true};
    default:
      return {JENTRY_ISCONTAINER, reinterpret_cast<const char*>(value.val.binary.data),
              value.val.binary.len, true};
  }
}

// Writes an object's container: header, entries of keys and values, then their bytes. The format is
// that of utils/jsonb.h, which pg_upgrade keeps: an entry holds its length, every
// JB_OFFSET_STRIDE'th the offset of its end instead.
class ObjectBuilder {
 public:
  ObjectBuilder(char* at, uint32 pairs)
      : container_(reinterpret_cast<JsonbContainer*>(at)),
        data_(at + offsetof(JsonbContainer, children) + sizeof(JEntry) * 2 * pairs),
        end_(data_) {
    container_->header = pairs | JB_FOBJECT;
  }
  void add(const Piece& piece) {
    char* const start = end_;
    if (piece.aligned)
      while ((end_ - reinterpret_cast<char*>(container_)) % sizeof(int32) != 0) *end_++ = '\0';
    if (piece.size > 0) memcpy(end_, piece.bytes, static_cast<std::size_t>(piece.size));
    end_ += piece.size;
    const bool strided = count_ % JB_OFFSET_STRIDE == 0;
    container_->children[count_++] =
        strided ? piece.kind | JENTRY_HAS_OFF | static_cast<uint32>(end_ - data_)
                : piece.kind | static_cast<uint32>(end_ - start);
  }
  const char* end() const { return end_; }

 private:
  JsonbContainer* container_;
  char* data_;
  char* end_;
  int count_ = 0;
};

}  // namespace

std::vector<std::size_t> jsonb_key_order(const std::vector<const ColumnInfo*>& columns) {
  std::vector<std::size_t> order(columns.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const std::string &one = columns[a]->name, &other = columns[b]->name;
    return one.size() != other.size() ? one.size() < other.size() : one < other;
  });
  return order;
}

Datum jsonb_row(const std::vector<const ColumnInfo*>& columns,
                const std::vector<std::size_t>& order, const std::vector<char>& wanted,
                const Datum* values, const bool* nulls, const std::vector<std::string>* forms) {
  std::string form;  // reused by the types that are not built directly
  const Datum built = pg_call([&] {
    auto* const pieces = static_cast<Piece*>(palloc(sizeof(Piece) * 2 * (columns.size() + 1)));
    uint32 pairs = 0;
    for (const std::size_t i : order) pairs += wanted[i] != 0;
    Piece *key = pieces, *piece = pieces + pairs;
    Size size = VARHDRSZ + offsetof(JsonbContainer, children) + sizeof(JEntry) * 2 * pairs;
    for (const std::size_t i : order) {
      if (!wanted[i]) continue;
      const ColumnInfo& column = *columns[i];
      *key++ = {JENTRY_ISSTRING, column.name.data(), static_cast<int>(column.name.size()), false};
      JsonbValue value;
      const int at = column.attnum - 1;
      if (forms != nullptr && !(*forms)[i].empty()) {
        set_parsed(value, (*forms)[i].c_str());
      } else if (nulls[at]) {
        value.type = jbvNull;
      } else if (!set_directly(value, column.base_type, values[at])) {
        form.clear();
        append_json_form(form, column.type, values[at], false);
        set_parsed(value, form.c_str());
      }
      *piece++ = piece_of(value);
      // Padding is counted with every piece that may need it.
      size += column.name.size() + static_cast<Size>(piece[-1].size) + sizeof(int32);
    }
    if (size > JENTRY_OFFLENMASK) return static_cast<Datum>(0);
    auto* const json = static_cast<char*>(palloc(size));
    ObjectBuilder object(json + VARHDRSZ, pairs);
    for (const Piece* next = pieces; next < pieces + 2 * pairs; ++next) object.add(*next);
    SET_VARSIZE(json, object.end() - json);
    pfree(pieces);
    return PointerGetDatum(json);
  });
  if (built == 0)
    throw SyncError("54000", "the row exceeds the 256 MB that a jsonb object can hold");
  return built;
}

}  // namespace objectos::server
