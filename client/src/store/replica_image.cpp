// The server image of the file, as digests: base images where something is queued, rows elsewhere.
#include "replica_image.h"

#include <unordered_set>

#include "json_slices.h"
#include "protocol/errors.h"
#include "store.h"

namespace objectos {
namespace {

// One snapshot of the file, as long as it lives.
class ReadTransaction {
 public:
  explicit ReadTransaction(sqlite3* database) : database_(database) {
    run_sql(database_, "BEGIN; SELECT count(*) FROM _sync_state");
  }
  ~ReadTransaction() { sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr); }
  ReadTransaction(const ReadTransaction&) = delete;

 private:
  sqlite3* database_;
};

std::string_view bytes_at(sqlite3_stmt* row, int column, const void* bytes) {
  return {static_cast<const char*>(bytes == nullptr ? "" : bytes),
          static_cast<size_t>(sqlite3_column_bytes(row, column))};
}

std::string_view text_at(sqlite3_stmt* row, int column) {
  const unsigned char* text = sqlite3_column_text(row, column);
  return bytes_at(row, column, text);
}

void put_value(RecordImage& image, sqlite3_stmt* row, int column) {
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_INTEGER:
      return image.integer(sqlite3_column_int64(row, column));
    case SQLITE_FLOAT:
      return image.real(sqlite3_column_double(row, column));
    case SQLITE_TEXT:
      return image.text(text_at(row, column));
    case SQLITE_BLOB: {
      const void* bytes = sqlite3_column_blob(row, column);
      return image.blob(bytes_at(row, column, bytes));
    }
    default:
      return image.null();
  }
}

class StoreImageReader : public ImageReader {
 public:
  StoreImageReader(const Store& store, uint64_t seed)
      : store_(store), transaction_(store.database()), seed_(seed), image_(seed) {}

  BucketSums sums(const std::string& object, const WantedBuckets& wanted) override {
    BucketSums sums;
    scan(object, wanted, [&](std::string_view, uint64_t place, const Digest& digest) {
      sums[bucket_of(place, wanted.bits + digest_step_bits)].add(digest);
    });
    return sums;
  }

  void digests(const std::string& object, const WantedBuckets& wanted,
               const VisitDigest& visit) override {
    scan(object, wanted, [&](std::string_view record_id, uint64_t, const Digest& digest) {
      visit(std::string(record_id), digest);
    });
  }

 private:
  template <typename Visit>
  void scan(const std::string& name, const WantedBuckets& wanted, Visit visit) {
    const LocalObject& object = store_.writer(name).object();
    scan_base_images(object, wanted, visit);
    scan_rows(object, wanted, visit);
  }

  template <typename Visit>
  void scan_rows(const LocalObject& object, const WantedBuckets& wanted, const Visit& visit) {
    std::string sql = "SELECT " + record_id_sql(object, "t") + ",t._version," +
                      tag_sql(object, record_id_sql(object, "t"));
    for (const LocalColumn& column : object.columns) sql += ",t." + quote_name(column.name);
    Statement rows(store_.database(), sql + " FROM " + quote_name(object.name) + " t");
    sqlite3_stmt* const row = rows.handle();
    std::string record_id;
    while (rows.step()) {
      // A key that is NULL, which no server has: an id that no server gives.
      record_id = rows.is_null(0) ? std::string("\0", 1) : std::string(text_at(row, 0));
      if (!based_.empty() && based_.count(record_id) > 0) continue;
      const uint64_t place = place_of(seed_, record_id);
      if (!wanted.holds(place)) continue;
      image_.begin(record_id, rows.integer_or_none(1));
      const int columns = static_cast<int>(object.columns.size());
      for (int i = 0; i < columns; i++) put_value(image_, row, i + 3);
      if (object.row_security) put_value(image_, row, 2);
      visit(record_id, place, image_.digest());
    }
  }

  template <typename Visit>
  void scan_base_images(const LocalObject& object, const WantedBuckets& wanted,
                        const Visit& visit) {
    based_.clear();
    std::vector<std::optional<ValueKind>> kinds;
    for (const LocalColumn& column : object.columns) kinds.push_back(parse_value_kind(column.kind));
    Statement rows(store_.database(),
                   "SELECT t.record_id,t.version," + tag_sql(object, "t.record_id") +
                       ",t.image FROM _base t WHERE t.object=" + quote_text(object.name));
    while (rows.step()) {
      const std::string record_id = rows.text(0);
      based_.insert(record_id);
      const uint64_t place = place_of(seed_, record_id);
      if (rows.is_null(3) || !wanted.holds(place)) continue;
      const std::string json = rows.text(3);
      image_.begin(record_id, rows.integer_or_none(1));
      if (!put_values(image_, json, object, kinds)) {
        image_.begin(record_id, std::nullopt);  // as no server has it
        image_.blob(json);
      }
      if (object.row_security) put_value(image_, rows.handle(), 2);
      visit(record_id, place, image_.digest());
    }
  }

  // False: the base image is no JSON, and nobody wrote it but a stranger.
  bool put_values(RecordImage& image, const std::string& json, const LocalObject& object,
                  const std::vector<std::optional<ValueKind>>& kinds) {
    try {
      slices_.parse(json);
      for (size_t i = 0; i < object.columns.size(); i++) {
        const LocalColumn& column = object.columns[i];
        const JsonSlice* value = slices_.find(column.name);
        image.form(kinds[i].value_or(ValueKind::text), column.is_key,
                   value == nullptr ? "null" : value->raw);
      }
    } catch (const StoreError&) {
      return false;
    } catch (const ProtocolError&) {
      return false;
    }
    return true;
  }

  static std::string tag_sql(const LocalObject& object, const std::string& record_id) {
    if (!object.row_security) return "NULL";
    return "(SELECT tag FROM _tags g WHERE g.object=" + quote_text(object.name) +
           " AND g.record_id=" + record_id + ")";
  }

  const Store& store_;
  ReadTransaction transaction_;
  const uint64_t seed_;
  RecordImage image_;
  JsonSlices slices_;
  std::unordered_set<std::string> based_;  // of the object being scanned
};

}  // namespace

std::unique_ptr<ImageReader> Store::read_image(uint64_t seed) const {
  return std::make_unique<StoreImageReader>(*this, seed);
}

std::optional<ImageRow> Store::server_image(const std::string& object,
                                            const std::string& record_id) const {
  Statement base(database_, "SELECT image,version FROM _base WHERE object=? AND record_id=?");
  base.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  if (base.step()) {
    if (base.is_null(0)) return std::nullopt;
    return ImageRow{base.text(0), base.integer_or_none(1)};
  }
  ImageRow row;
  std::optional<std::string> json = writer(object).read(record_id, &row.version);
  if (!json) return std::nullopt;
  row.json = std::move(*json);
  return row;
}

}  // namespace objectos
