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
  char* touched;
  int64 version;
  bool exact;
  int64 batch_end;  // 0: not the first of its batch
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
  batch_end,
  column_count
};
constexpr const char* column_names[column_count] = {
    "sequence",  "xid",       "id",   "client_id", "client_sequence", "object",
    "record_id", "operation", "data", "version",   "exact",           "batch_end"};

struct OpenLog {
  Relation heap;
  Relation by_sequence;
  Relation by_xid;  // first rows of batches only
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
    const bool valid = index->rd_index->indisvalid;
    const bool whole = RelationGetIndexPredicate(index) == NIL;
    const int count = index->rd_index->indnkeyatts;
    if (valid && whole && count == 1 && keys->values[0] == log.attnum[sequence] &&
        !log.by_sequence) {
      log.by_sequence = index;
    } else if (valid && !whole && count == 2 && keys->values[0] == log.attnum[xid] &&
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
  row.batch_end = nulls[batch_end] ? 0 : DatumGetInt64(values[batch_end]);
  if (!nulls[data] && strcmp(row.operation, "update") == 0) copy_fields(row, values[data]);
  if (!nulls[data] && strcmp(row.operation, "touch") == 0 && row.record_id[0] == '\0') {
    Jsonb* json = DatumGetJsonbP(values[data]);
    row.touched = JsonbToCString(nullptr, &json->root, VARSIZE(json));
  }
  return row;
}

// Whether the row belongs to the transaction, without looking at the rest of it.
bool is_of(const OpenLog& log, HeapTuple tuple, uint64 wanted) {
  bool null = false;
  const Datum value = heap_getattr(tuple, log.attnum[xid], RelationGetDescr(log.heap), &null);
  return !null && U64FromFullTransactionId(DatumGetFullTransactionId(value)) == wanted;
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
  if (plain.touched != nullptr) row.touched = plain.touched;
  row.fields.assign(plain.fields, plain.fields + plain.field_count);
  row.version = plain.version;
  row.exact = plain.exact;
  row.batch_end = plain.batch_end;
  return row;
}

// What a scan looks for. by_sequence: rows in (after, up_to], of one transaction if only_xid is
// set. The others find first rows of batches: batches_of those of xid_low in (after, up_to];
// batches_from just the next of xid_low..xid_high in (xid, sequence) order. (A range of xids cannot
// be combined with sequences: a btree would walk all entries of the first transaction.)
enum class Path { by_sequence, batches_of, batches_from };

struct Range {
  Path path = Path::by_sequence;
  int64 after = 0;
  int64 up_to = sequence_max;
  uint64 xid_low = 0;
  uint64 xid_high = 0;
  uint64 only_xid = 0;  // 0: any
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
  if (range.path == Path::batches_from) {
    xid_key(BTGreaterEqualStrategyNumber, F_XID8GE, range.xid_low);
    xid_key(BTLessEqualStrategyNumber, F_XID8LE, range.xid_high);
  } else {
    if (range.path == Path::batches_of) xid_key(BTEqualStrategyNumber, F_XID8EQ, range.xid_low);
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
    if (range.only_xid != 0 && !is_of(log, tuple, range.only_xid)) continue;
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

// The transaction's rows in (after, up_to], at most row_limit, by way of its batches. A batch that
// begins at or before `after` may reach beyond it; batches of one transaction do not overlap, so it
// is the last of those. Rows of others between a batch's ends are passed over.
void read_transaction(Log& log, const Range& wanted, std::size_t row_limit,
                      std::vector<LogRow>& out) {
  Range batches = wanted;
  batches.path = Path::batches_of;
  batches.up_to = wanted.after;
  batches.after = 0;
  batches.backward = true;
  std::vector<LogRow> firsts;
  log.read(batches, 1, firsts);
  batches = wanted;
  batches.path = Path::batches_of;
  const std::size_t enough = out.size() + row_limit;
  // Each batch gives a row at least; most transactions have one batch, so few are asked for at
  // first.
  for (std::size_t asked = 4;; asked = std::min(asked * 4, row_limit)) {
    const std::size_t known = firsts.size();
    log.read(batches, asked, firsts);
    for (LogRow& first : firsts) {
      if (out.size() >= enough) return;
      if (first.batch_end <= wanted.after) continue;
      if (first.batch_end == first.sequence) {
        out.push_back(std::move(first));
        continue;
      }
      Range rows;
      rows.after = std::max(wanted.after, first.sequence - 1);
      rows.up_to = std::min(wanted.up_to, first.batch_end);
      rows.only_xid = wanted.xid_low;
      log.read(rows, enough - out.size(), out);
    }
    if (firsts.size() - known < asked || out.size() >= enough) return;
    batches.after = firsts.back().sequence;
    firsts.clear();
  }
}

// Late rows of one segment: jumps from xid to xid, takes each one's first rows, merges by sequence.
void read_late(Log& log, Range range, const std::vector<XidRange>& waiting, std::size_t row_limit,
               std::vector<LogRow>& out) {
  std::vector<LogRow> found;
  for (const XidRange& xids : waiting) {
    std::uint64_t next = xids.lo;
    while (next <= xids.hi) {
      range.path = Path::batches_from;
      range.xid_low = next;
      range.xid_high = xids.hi;
      std::vector<LogRow> first;
      log.read(range, 1, first);
      if (first.empty()) break;
      range.xid_low = first[0].xid;
      read_transaction(log, range, row_limit, found);
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
