// RowWriter: the rows of a set-returning function, in a tuplestore.
#include "pg_ext/pg.h"
#include "pg_ext/spi.h"

namespace objectos::server {

RowWriter::RowWriter(FunctionCall call) {
  auto* info = reinterpret_cast<ReturnSetInfo*>(call->resultinfo);
  pg_call([&] { InitMaterializedSRF(call, 0); });
  store_ = info->setResult;
  descriptor_ = info->setDesc;
  row_context_ = pg_call([] {
    return AllocSetContextCreate(CurrentMemoryContext, "objectos_sync row", ALLOCSET_DEFAULT_SIZES);
  });
}

void RowWriter::add(Datum value, bool is_null) {
  values_.push_back(value);
  nulls_.push_back(is_null ? 1 : 0);
}

RowWriter& RowWriter::null() {
  add(0, true);
  return *this;
}

RowWriter& RowWriter::text(std::string_view value) {
  const Oid type = TupleDescAttr(static_cast<TupleDesc>(descriptor_), values_.size())->atttypid;
  const MemoryContext context = static_cast<MemoryContext>(row_context_);
  if (type == TEXTOID || type == JSONOID) {
    add(pg_call([&] {
          const MemoryContext before = MemoryContextSwitchTo(context);
          auto* copy = cstring_to_text_with_len(value.data(), static_cast<int>(value.size()));
          MemoryContextSwitchTo(before);
          return PointerGetDatum(copy);
        }),
        false);
    return *this;
  }
  const std::string input(value);
  const char* raw = input.c_str();
  add(pg_call([&] {
        const MemoryContext before = MemoryContextSwitchTo(context);
        if (type == UUIDOID) {
          const Datum uuid = DirectFunctionCall1(uuid_in, CStringGetDatum(raw));
          MemoryContextSwitchTo(before);
          return uuid;
        }
        Oid function, parameter;
        getTypeInputInfo(type, &function, &parameter);
        const Datum datum = OidInputFunctionCall(function, const_cast<char*>(raw), parameter, -1);
        MemoryContextSwitchTo(before);
        return datum;
      }),
      false);
  return *this;
}

RowWriter& RowWriter::text(const std::optional<std::string>& value) {
  return value ? text(std::string_view(*value)) : null();
}

RowWriter& RowWriter::int8(std::int64_t value) {
  add(Int64GetDatum(value), false);
  return *this;
}

RowWriter& RowWriter::int8(std::optional<std::int64_t> value) {
  return value ? int8(*value) : null();
}

RowWriter& RowWriter::boolean(bool value) {
  add(BoolGetDatum(value), false);
  return *this;
}

RowWriter& RowWriter::datum(Datum value, bool is_null) {
  add(value, is_null);
  return *this;
}

void RowWriter::end_row() {
  pg_call([&] {
    tuplestore_putvalues(static_cast<Tuplestorestate*>(store_), static_cast<TupleDesc>(descriptor_),
                         values_.data(), reinterpret_cast<bool*>(nulls_.data()));
    MemoryContextReset(static_cast<MemoryContext>(row_context_));
  });
  values_.clear();
  nulls_.clear();
  if (++row_count_ % 1000 == 0) check_interrupts();
}

}  // namespace objectos::server
