#include "pg_ext/own_rows.h"

#include <cstdlib>

#include "pg_ext/boundary.h"
#include "pg_ext/catalog.h"

#include "pg_ext/pg.h"

namespace objectos::server {
namespace {

// Plain data in a memory context of its own; `texts` row by row, null for NULL.
struct Found {
  MemoryContext context;
  char** texts;
  std::size_t rows;
  bool fits;  // table, columns and key are as asked for
};

// Runs guarded.
char* hex_of(Datum value) {
  const bytea* const bytes = DatumGetByteaPP(value);
  const std::size_t length = VARSIZE_ANY_EXHDR(bytes);
  auto* const text = static_cast<char*>(palloc(2 * length + 1));
  hex_encode(VARDATA_ANY(bytes), length, text);
  text[2 * length] = '\0';
  return text;
}

// Runs guarded.
char* text_of(Oid type, Datum value) {
  if (type == BYTEAOID) return hex_of(value);
  if (type == OIDOID || type == REGCLASSOID) return psprintf("%u", DatumGetObjectId(value));
  Oid output;
  bool is_varlena;
  getTypeOutputInfo(type, &output, &is_varlena);
  return OidOutputFunctionCall(output, value);
}

// Runs guarded. `key` null: all rows.
void read(Found& found, Oid relid, const char* const* columns, std::size_t count, const char* key) {
  Relation table = table_open(relid, AccessShareLock);
  const TupleDesc shape = RelationGetDescr(table);
  auto* attnums = static_cast<AttrNumber*>(palloc(sizeof(AttrNumber) * count));
  for (std::size_t i = 0; i < count; ++i) {
    attnums[i] = get_attnum(relid, columns[i]);
    found.fits = found.fits && attnums[i] != InvalidAttrNumber;
  }
  ScanKeyData wanted;
  Oid index = InvalidOid;
  if (key != nullptr) {
    index = RelationGetPrimaryKeyIndex(table);
    found.fits = found.fits && OidIsValid(index);
    const Form_pg_attribute column = TupleDescAttr(shape, 0);
    ScanKeyEntryInitialize(&wanted, 0, column->attnum, BTEqualStrategyNumber, InvalidOid,
                           column->attcollation, F_TEXTEQ, CStringGetTextDatum(key));
  }
  if (!found.fits) return table_close(table, AccessShareLock);
  std::size_t capacity = 4;
  found.texts = static_cast<char**>(palloc(sizeof(char*) * capacity * count));
  SysScanDesc scan = systable_beginscan(table, index, key != nullptr, GetActiveSnapshot(),
                                        key != nullptr ? 1 : 0, &wanted);
  for (HeapTuple tuple; (tuple = systable_getnext(scan)) != nullptr; ++found.rows) {
    if (found.rows == capacity) {
      capacity *= 2;
      found.texts = static_cast<char**>(repalloc(found.texts, sizeof(char*) * capacity * count));
    }
    for (std::size_t i = 0; i < count; ++i) {
      bool null = false;
      const Datum value = heap_getattr(tuple, attnums[i], shape, &null);
      found.texts[found.rows * count + i] =
          null ? nullptr : text_of(TupleDescAttr(shape, attnums[i] - 1)->atttypid, value);
    }
  }
  systable_endscan(scan);
  table_close(table, NoLock);
}

std::vector<OwnRow> rows_with(const char* table, const std::vector<const char*>& columns,
                              const char* key) {
  const Oid relid = internal_relation(table);
  const char* const* const names = columns.data();
  const std::size_t count = columns.size();
  const Found found = pg_call([&] {
    Found made{
        AllocSetContextCreate(CurrentMemoryContext, "objectos own rows", ALLOCSET_SMALL_SIZES),
        nullptr, 0, true};
    const MemoryContext before = MemoryContextSwitchTo(made.context);
    read(made, relid, names, count, key);
    MemoryContextSwitchTo(before);
    return made;
  });
  if (!found.fits) {
    throw SyncError("OS000", std::string("objectos_sync.") + table + " lacks a column or its key",
                    "", "Reinstall the extension.");
  }
  std::vector<OwnRow> rows(found.rows, OwnRow(count));
  for (std::size_t row = 0; row < found.rows; ++row) {
    for (std::size_t i = 0; i < count; ++i) {
      if (const char* const text = found.texts[row * count + i]) rows[row][i] = text;
    }
  }
  pg_call([&] { MemoryContextDelete(found.context); });
  return rows;
}

}  // namespace

std::int64_t number_or(const std::optional<std::string>& text, std::int64_t otherwise) {
  return text ? std::strtoll(text->c_str(), nullptr, 10) : otherwise;
}

std::vector<OwnRow> own_rows(const char* table, const std::vector<const char*>& columns) {
  return rows_with(table, columns, nullptr);
}

std::optional<OwnRow> own_row(const char* table, const std::vector<const char*>& columns,
                              const std::string& key) {
  std::vector<OwnRow> rows = rows_with(table, columns, key.c_str());
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace objectos::server
