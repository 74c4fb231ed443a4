#include "pg_ext/log_reader.h"

#include <algorithm>
#include <limits>

#include "pg_ext/boundary.h"
#include "pg_ext/catalog.h"
#include "protocol/fnv.h"

#include "pg_ext/pg.h"

extern "C" {
#include "utils/xid8.h"
}

namespace objectos::server {
namespace {

constexpr std::int64_t sequence_max = std::numeric_limits<std::int64_t>::max();

// A log row as plain data in a memory context of the batch.
struct PlainRow {
  int64 sequence;
  uint64 xid;
  char* id;
  char* client_id;
  bool has_client_sequence;
  int64 client_sequence;
  char* object;
  char* record_id;
  char* operation;
  char** fields;
  int field_count;
  int64 version;
  bool exact;
};

enum Column {
  sequence,
  xid,
  id,
  client_id,
  client_sequence,
  object,
  record_id,
  operation,
  data,
  version,
  exact,
  column_count
};
constexpr const char* column_names[column_count] = {
    "sequence",  "xid",  "id",      "client_id", "client_sequence", "object", "record_id",
    "operation", "data", "version", "exact"};

struct OpenLog {
  Relation heap;
  Relation by_sequence;
  Relation by_xid;
  AttrNumber attnum[column_count];
};

// Called inside a guard.
OpenLog open_log(Oid relid) {
  OpenLog log{};
  log.heap = table_open(relid, AccessShareLock);
  for (int i = 0; i < column_count; ++i) {
    log.attnum[i] = get_attnum(relid, column_names[i]);
    if (log.attnum[i] == InvalidAttrNumber) return log;
  }
  ListCell* cell;
  foreach (cell, RelationGetIndexList(log.heap)) {
    Relation index = index_open(lfirst_oid(cell), AccessShareLock);
    const auto* keys = &index->rd_index->indkey;
    const bool whole = RelationGetIndexPredicate(index) == NIL && index->rd_index->indisvalid;
    const int count = index->rd_index->indnkeyatts;
    if (whole && count == 1 && keys->values[0] == log.attnum[sequence] && !log.by_sequence) {
      log.by_sequence = index;
    } else if (whole && count == 2 && keys->values[0] == log.attnum[xid] &&
               keys->values[1] == log.attnum[sequence] && !log.by_xid) {
      log.by_xid = index;
    } else {
      index_close(index, AccessShareLock);
    }
  }
  return log;
}

void close_log(OpenLog& log) {
  if (log.by_sequence) index_close(log.by_sequence, AccessShareLock);
  if (log.by_xid) index_close(log.by_xid, AccessShareLock);
  table_close(log.heap, AccessShareLock);
}

void copy_fields(PlainRow& row, Datum value) {
  Jsonb* json = DatumGetJsonbP(value);
  if (!JB_ROOT_IS_OBJECT(json)) return;
  row.fields = static_cast<char**>(palloc(sizeof(char*) * (JB_ROOT_COUNT(json) + 1)));
  JsonbIterator* iterator = JsonbIteratorInit(&json->root);
  JsonbValue element;
  JsonbIteratorToken token;
  while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE) {
    if (token == WJB_KEY) {
      row.fields[row.field_count++] = pnstrdup(element.val.string.val, element.val.string.len);
    }
  }
}

PlainRow copy_row(const OpenLog& log, HeapTuple tuple) {
  Datum values[column_count];
  bool nulls[column_count];
  for (int i = 0; i < column_count; ++i) {
    values[i] = heap_getattr(tuple, log.attnum[i], RelationGetDescr(log.heap), &nulls[i]);
  }
  const auto text_of = [&](Column c) {
    return nulls[c] ? pstrdup("") : TextDatumGetCString(values[c]);
  };
  PlainRow row{};
  row.sequence = DatumGetInt64(values[sequence]);
  row.xid = U64FromFullTransactionId(DatumGetFullTransactionId(values[xid]));
  row.id = nulls[id] ? pstrdup("") : DatumGetCString(DirectFunctionCall1(uuid_out, values[id]));
  row.client_id = text_of(client_id);
  row.has_client_sequence = !nulls[client_sequence];
  if (row.has_client_sequence) row.client_sequence = DatumGetInt64(values[client_sequence]);
  row.object = text_of(object);
  row.record_id = text_of(record_id);
  row.operation = text_of(operation);
  row.version = nulls[version] ? 0 : DatumGetInt64(values[version]);
  row.exact = !nulls[exact] && DatumGetBool(values[exact]);
  if (!nulls[data] && strcmp(row.operation, "update") == 0) copy_fields(row, values[data]);
  return row;
}

LogRow own(const PlainRow& plain) {
  LogRow row;
  row.sequence = plain.sequence;
  row.xid = plain.xid;
  row.id = plain.id;
  row.client_id = plain.client_id;
  if (plain.has_client_sequence) row.client_sequence = plain.client_sequence;
  row.object = plain.object;
  row.record_id = plain.record_id;
  row.operation = plain.operation;
  row.fields.assign(plain.fields, plain.fields + plain.field_count);
  row.version = plain.version;
  row.exact = plain.exact;
  return row;
}

// What a scan looks for: by sequence, those in (after, up_to]; in_xid the same of one transaction;
// xids_between just the next rows of xid_low..xid_high in (xid, sequence) order. (A range of xids
// cannot be combined with sequences: a btree would walk all entries of the first transaction.)
enum class Path { by_sequence, in_xid, xids_between };

struct Range {
  Path path = Path::by_sequence;
  int64 after = 0;
  int64 up_to = sequence_max;
  uint64 xid_low = 0;
  uint64 xid_high = 0;
  bool backward = false;
};

struct Batch {
  PlainRow* rows = nullptr;
  std::size_t count = 0;
};

// Called inside a guard, in the batch's memory context.
Batch scan(const OpenLog& log, const Range& range, std::size_t row_limit) {
  ScanKeyData keys[4];
  int count = 0;
  const auto xid_key = [&](StrategyNumber strategy, RegProcedure test, uint64 value) {
    ScanKeyInit(&keys[count++], log.attnum[xid], strategy, test,
                FullTransactionIdGetDatum(FullTransactionIdFromU64(value)));
  };
  if (range.path == Path::xids_between) {
    xid_key(BTGreaterEqualStrategyNumber, F_XID8GE, range.xid_low);
    xid_key(BTLessEqualStrategyNumber, F_XID8LE, range.xid_high);
  } else {
    if (range.path == Path::in_xid) xid_key(BTEqualStrategyNumber, F_XID8EQ, range.xid_low);
    ScanKeyInit(&keys[count++], log.attnum[sequence], BTGreaterStrategyNumber, F_INT8GT,
                Int64GetDatum(range.after));
    ScanKeyInit(&keys[count++], log.attnum[sequence], BTLessEqualStrategyNumber, F_INT8LE,
                Int64GetDatum(range.up_to));
  }
  Batch batch;
  std::size_t capacity = std::min<std::size_t>(row_limit, 128);
  batch.rows = static_cast<PlainRow*>(palloc(sizeof(PlainRow) * capacity));
  SysScanDesc descriptor = systable_beginscan_ordered(
      log.heap, range.path == Path::by_sequence ? log.by_sequence : log.by_xid, GetActiveSnapshot(),
      count, keys);
  const ScanDirection direction = range.backward ? BackwardScanDirection : ForwardScanDirection;
  HeapTuple tuple;
  while (batch.count < row_limit &&
         (tuple = systable_getnext_ordered(descriptor, direction)) != nullptr) {
    CHECK_FOR_INTERRUPTS();
    if (batch.count == capacity) {
      capacity *= 2;
      batch.rows = static_cast<PlainRow*>(repalloc_huge(batch.rows, sizeof(PlainRow) * capacity));
    }
    batch.rows[batch.count++] = copy_row(log, tuple);
  }
  systable_endscan_ordered(descriptor);
  return batch;
}

// The log, open for a few scans. close() when done; an abort closes it otherwise.
class Log {
 public:
  Log() {
    const Oid relid = internal_relation("mutations");
    log_ = pg_call([&] { return open_log(relid); });
    if (!log_.by_sequence || !log_.by_xid) {
      throw SyncError("OS000", "the log objectos_sync.mutations lacks a column or an index", "",
                      "Reinstall the extension.");
    }
  }
  void close() {
    pg_call([&] { close_log(log_); });
  }
  void read(const Range& range, std::size_t row_limit, std::vector<LogRow>& out) {
    struct Read {
      MemoryContext context;
      Batch batch;
    };
    const Read read = pg_call([&] {
      Read r{
          AllocSetContextCreate(CurrentMemoryContext, "objectos log rows", ALLOCSET_DEFAULT_SIZES),
          {}};
      MemoryContext previous = MemoryContextSwitchTo(r.context);
      r.batch = scan(log_, range, row_limit);
      MemoryContextSwitchTo(previous);
      return r;
    });
    out.reserve(out.size() + read.batch.count);
    for (std::size_t i = 0; i < read.batch.count; ++i) out.push_back(own(read.batch.rows[i]));
    pg_call([&] { MemoryContextDelete(read.context); });
  }

 private:
  OpenLog log_{};
};

// `ranges` without `out`: rows of transactions running in S are not visible in it anyway.
std::vector<XidRange> without(const XidRanges& ranges, const XidRanges& out) {
  std::vector<XidRange> result;
  for (XidRange range : ranges.ranges()) {
    bool empty = false;
    for (const XidRange& gone : out.ranges()) {
      if (gone.hi < range.lo || gone.lo > range.hi) continue;
      if (gone.lo > range.lo) result.push_back({range.lo, gone.lo - 1});
      if (gone.hi >= range.hi) {
        empty = true;
        break;
      }
      range.lo = gone.hi + 1;
    }
    if (!empty) result.push_back(range);
  }
  return result;
}

// Late rows of one segment: jumps from xid to xid, takes each one's first rows, merges by sequence.
void read_late(Log& log, Range range, const std::vector<XidRange>& waiting, std::size_t row_limit,
               std::vector<LogRow>& out) {
  std::vector<LogRow> found;
  for (const XidRange& xids : waiting) {
    std::uint64_t next = xids.lo;
    while (next <= xids.hi) {
      range.path = Path::xids_between;
      range.xid_low = next;
      range.xid_high = xids.hi;
      std::vector<LogRow> first;
      log.read(range, 1, first);
      if (first.empty()) break;
      range.path = Path::in_xid;
      range.xid_low = first[0].xid;
      log.read(range, row_limit, found);
      next = first[0].xid + 1;
    }
  }
  std::sort(found.begin(), found.end(),
            [](const LogRow& a, const LogRow& b) { return a.sequence < b.sequence; });
  if (found.size() > row_limit) found.resize(row_limit);
  std::move(found.begin(), found.end(), std::back_inserter(out));
}

}  // namespace

LogPage read_new_rows(const Checkpoint& checkpoint, const Cut& cut, std::size_t row_limit) {
  Log log;
  LogPage page;
  const std::size_t wanted = row_limit + 1;  // one more tells whether there is more
  std::int64_t after = 0;
  for (const Segment& segment : checkpoint.segments) {
    Range range;
    range.after = after;
    range.up_to = segment.bound;
    after = segment.bound;
    const std::vector<XidRange> waiting = without(segment.inflight, cut.inflight);
    if (page.rows.size() < wanted && !waiting.empty()) {
      read_late(log, range, waiting, wanted - page.rows.size(), page.rows);
    }
  }
  if (page.rows.size() < wanted) {
    Range range;
    range.after = after;
    log.read(range, wanted - page.rows.size(), page.rows);
  }
  log.close();
  page.has_more = page.rows.size() > row_limit;
  if (page.has_more) page.rows.resize(row_limit);
  return page;
}

std::optional<LogRow> newest_log_row() {
  Log log;
  std::vector<LogRow> rows;
  Range range;
  range.backward = true;
  log.read(range, 1, rows);
  log.close();
  if (rows.empty()) return std::nullopt;
  return rows[0];
}

std::optional<LogRow> log_row_at(std::int64_t wanted) {
  Log log;
  std::vector<LogRow> rows;
  Range range;
  range.after = wanted - 1;
  range.up_to = wanted;
  log.read(range, 1, rows);
  log.close();
  if (rows.empty()) return std::nullopt;
  return rows[0];
}

std::uint64_t anchor_hash(const LogRow& row) {
  const std::string text = std::to_string(row.sequence) + '\n' + std::to_string(row.xid) + '\n' +
                           row.id + '\n' + row.operation + '\n' + std::to_string(row.version) +
                           '\n' + row.object + '\n' + row.record_id;
  return fnv1a64(text);
}

}  // namespace objectos::server
